"""The programs in examples/ do what their texts say."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

cwt = pytest.importorskip("cwt", reason="needs the package cwt")
for package in ("base45", "segno", "zxingcpp"):
    pytest.importorskip(package, reason='needs the extra "qr"')


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, str(EXAMPLES / "credential.py"), *arguments]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def credential() -> dict[str, Any]:
    """The names that the program defines."""
    return runpy.run_path(str(EXAMPLES / "credential.py"))


def test_a_credential_is_issued_and_verified(tmp_path: Path):
    shutil.copy(EXAMPLES / "anna.jpg", tmp_path / "face.jpg")
    issued = run(tmp_path, "issue", "face.jpg", "card.png")
    assert issued.returncode == 0, issued.stderr
    verified = run(tmp_path, "verify", "card.png", "face.png")
    assert verified.stdout == "signed by the issuer: Anna Example\n", verified.stderr
    assert Image.open(tmp_path / "face.png").size == (1024, 1024)


def test_a_token_of_another_issuer_or_with_a_flipped_bit_is_refused(credential: dict[str, Any], tmp_path: Path):
    keys = []
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        credential["make_keys"](tmp_path / name)
        keys.append([(tmp_path / name / file).read_text() for file in ("issuer.pem", "issuer.pub.pem")])
    (private, public), (_, other) = keys
    token = credential["issue"](b"face", "Anna Example", private)
    assert credential["verify"](token, public) == ("Anna Example", b"face")
    with pytest.raises(cwt.VerifyError):
        credential["verify"](token, other)
    at = token.index(b"face")
    with pytest.raises(cwt.VerifyError):
        credential["verify"](token[:at] + b"fake" + token[at + 4 :], public)


def test_an_expired_token_is_refused(credential: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    credential["make_keys"](tmp_path)
    private, public = ((tmp_path / file).read_text() for file in ("issuer.pem", "issuer.pub.pem"))
    with monkeypatch.context() as long_ago:
        long_ago.setattr("time.time", lambda: 1_000_000_000.0)
        token = credential["issue"](b"face", "Anna Example", private)
    with pytest.raises(cwt.VerifyError, match="expired"):
        credential["verify"](token, public)
