"""A signed credential with a face, in a QR code: claim 169 of a CBOR Web Token.

    pip install "grain-codec[qr]" cwt
    python credential.py issue face.jpg card.png       # makes issuer.pem and issuer.pub.pem where they are missing
    python credential.py verify card.png face.png      # face.png is drawn only where the signature is the issuer's

docs/credentials.md explains it.
"""

import sys
import time
from pathlib import Path

import base45
import cwt
import segno
import zxingcpp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from PIL import Image

import grain_codec

ISSUER, EXPIRES, IDENTITY = 1, 4, 169  # Claims of RFC 8392, and the claim for identity data in QR codes.
FULL_NAME, BINARY_IMAGE = 4, 16  # Attributes within claim 169.
KEY = "issuer-2026"  # The name of the issuer's key, by which a reader chooses among those that it trusts.
TEN_YEARS = 10 * 365 * 24 * 3600


def issue(file: bytes, name: str, private_key: str) -> bytes:
    """Signs a name and the bytes of a .grain file; returns the token, a COSE_Sign1 message."""
    identity = {FULL_NAME: name, BINARY_IMAGE: file}
    claims = {ISSUER: "https://issuer.example", EXPIRES: int(time.time()) + TEN_YEARS, IDENTITY: identity}
    return cwt.encode(claims, cwt.COSEKey.from_pem(private_key, kid=KEY))


def verify(token: bytes, public_key: str) -> tuple[str, bytes]:
    """The name and the .grain file in a token; raises cwt.CWTError where it is forged, damaged or expired."""
    identity = cwt.decode(token, cwt.COSEKey.from_pem(public_key, kid=KEY))[IDENTITY]
    return identity[FULL_NAME], identity[BINARY_IMAGE]


def make_keys(folder: Path) -> None:
    """Writes a pair of Ed25519 keys, unless there is one."""
    if not (folder / "issuer.pem").exists():
        private = Ed25519PrivateKey.generate()
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "issuer.pem").write_bytes(pem)
        pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (folder / "issuer.pub.pem").write_bytes(pem)


def main(command: str, source: str, target: str) -> None:
    """Issues or verifies a credential; the keys lie in the working directory."""
    if command == "issue":
        make_keys(Path())
        file = grain_codec.encode(Image.open(source), max_bytes=300)
        token = issue(file, "Anna Example", Path("issuer.pem").read_text())
        segno.make(base45.b45encode(token).decode(), error="l").save(target, scale=8)
        print(f"{len(file)} bytes of face, {len(token)} bytes signed")
    else:
        [code] = zxingcpp.read_barcodes(Image.open(source))
        name, file = verify(base45.b45decode(code.bytes), Path("issuer.pub.pem").read_text())
        grain_codec.decode(file).save(target)
        print(f"signed by the issuer: {name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
