"""Golden files decode to the same symbols and LR images everywhere, whatever torch is set to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import portable
import pytest
import tiny_model
import torch
from PIL import Image

from grain_codec.codec import Codec, FileCodec
from grain_codec.formats import container
from grain_codec.models.family import Payload
from grain_codec.models.grain2022.coder import Grain2022Coder
from grain_codec.settings import EncodeSettings
from grain_codec.weights import fingerprint_of, read_model

MANIFEST = json.loads(portable.MANIFEST.read_text(encoding="utf-8"))
PYTHONS_VARIABLE = "GRAIN_OTHER_PYTHONS"
"""Environment variable that lists interpreters, or wrappers around them, for `portable.py`; separated as in PATH."""

BY_FILE = pytest.mark.parametrize("entry", MANIFEST, ids=[entry["file"] for entry in MANIFEST])


def read(entry: dict[str, str]) -> tuple[str, np.ndarray]:
    """Digest of the symbols of a golden file, and its LR image, as the package reads them."""
    data, weights = (portable.FILES / entry["file"]).read_bytes(), portable.weights_of(entry["model"])
    if weights is None:
        stored = container.unpack(data)
        symbols = Grain2022Coder().decode(Payload(stored.fine_quality, stored.payload))
        return portable.digest_of_symbols(symbols), symbols.pixels
    files = FileCodec(read_model(weights))
    face = files.read(data)
    return portable.digest_of_symbols(face.symbols), files.lr_image(face)


def check(entry: dict[str, str]) -> None:
    """Compares a golden file's symbols and LR image with those in the manifest."""
    symbols, pixels = read(entry)
    found = {"symbols": symbols, "low_resolution": portable.digest_of_pixels(pixels)}
    assert found == {name: entry[name] for name in found}


def shown(entry: dict[str, str]) -> Path:
    """The golden LR image that goes with a golden file."""
    name = entry["file"]
    return portable.FILES / f"{name.partition('.')[0]}-lr{name.count('.')}.png"


@BY_FILE
def test_symbols_and_lr_image_are_the_same_everywhere(entry: dict[str, str]):
    check(entry)
    with Image.open(shown(entry)) as image:
        assert np.array_equal(np.asarray(image.convert("RGB")), read(entry)[1])


def test_the_tiny_model_is_made_the_same_everywhere(tmp_path: Path):
    """Spec and tensors are compared, because a safetensors header lists its entries in any order."""
    tiny_model.write(tmp_path / "made.safetensors")
    made, kept = (read_model(path) for path in (tmp_path / "made.safetensors", portable.TINY_TABLES))
    assert made.spec == kept.spec and made.tensors.keys() == kept.tensors.keys()
    assert made.fingerprint.hex() == kept.fingerprint.hex() == "6ee004"
    assert all(np.array_equal(made.tensors[name], tensor) for name, tensor in kept.tensors.items())


def test_the_byte_order_of_tables_in_memory_does_not_matter():
    """As on a processor that stores the highest byte first; portable.py can be run on one."""
    model = read_model(portable.TINY_TABLES)
    swapped = {name: tensor.astype(tensor.dtype.newbyteorder(">")) for name, tensor in model.tensors.items()}
    assert any(tensor.dtype.str.startswith(">") for tensor in swapped.values())
    assert fingerprint_of(model.spec, swapped) == model.fingerprint
    files = FileCodec(type(model)(model.path, model.spec, "", swapped))
    data = (portable.FILES / "tiny-busy.grain").read_bytes()
    expected = FileCodec(model).read(data)
    assert portable.digest_of_symbols(files.read(data).symbols) == portable.digest_of_symbols(expected.symbols)
    assert np.array_equal(files.lr_image(expected), FileCodec(model).lr_image(expected))


@pytest.fixture
def torch_settings() -> Iterator[None]:
    """Puts torch's threads and default type back after a test."""
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    yield
    torch.set_num_threads(threads)
    torch.set_default_dtype(dtype)


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.usefixtures("torch_settings")
def test_threads_and_float_types_change_nothing(threads: int, dtype: torch.dtype):
    torch.set_num_threads(threads)
    torch.set_default_dtype(dtype)
    for entry in MANIFEST:
        if entry["model"] != "published":
            check(entry)


def test_the_networks_type_changes_pixels_alone(codec: Codec):
    """Drawn in bfloat16 the same symbols give a picture that differs by a few levels."""
    entry = MANIFEST[0]
    data = (portable.FILES / entry["file"]).read_bytes()
    plain = codec.decode(data)
    halved = Codec(codec.files.model, torch.device("cpu"))
    halved.networks.to(torch.bfloat16).to(torch.float32)
    drawn = halved.decode(data)
    assert not np.array_equal(plain, drawn) and np.abs(plain.astype(int) - drawn).mean() < 4
    assert portable.digest_of_symbols(halved.files.read(data).symbols) == entry["symbols"]


ENCODE = """
import sys, torch
from grain_codec.codec import load_model
from grain_codec.formats.images.reading import read_face
from grain_codec.settings import EncodeSettings
torch.set_num_threads(int(sys.argv[2]))
codec = load_model(device="cpu")
face = read_face(open(sys.argv[1], "rb").read(), "face")
files = [codec.encode(face, EncodeSettings(max_bytes=300)), codec.encode(face, EncodeSettings(quality=1, effort=1))]
sys.stdout.write(" ".join(data.hex() for data in files))
"""


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 8])
def test_one_machine_encodes_a_picture_to_the_same_bytes_again(threads: int):
    """In one process and in another, with the same number of threads."""
    source = Path(__file__).resolve().parents[2] / "examples" / "ellen.jpg"
    command = [sys.executable, "-c", ENCODE, str(source), str(threads)]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert first == second and len(first.split()) == 2


def test_one_process_encodes_a_picture_to_the_same_bytes_again(codec: Codec, face: np.ndarray):
    assert codec.encode(face, EncodeSettings(max_bytes=250)) == codec.encode(face, EncodeSettings(max_bytes=250))


def other_pythons() -> list[str]:
    """Interpreters of other versions than this one's, at hand or named in the environment."""
    named = [path for path in os.environ.get(PYTHONS_VARIABLE, "").split(os.pathsep) if path]
    versions = (f"python3.{minor}" for minor in range(11, 20) if minor != sys.version_info.minor)
    return named + [path for path in map(shutil.which, versions) if path]


def test_other_pythons_decode_the_same():
    checked = []
    for python in other_pythons():
        has_numpy = subprocess.run([python, "-c", "import numpy"], capture_output=True, check=False).returncode == 0
        if has_numpy:
            script = str(Path(portable.__file__).resolve())
            ended = subprocess.run([python, script], capture_output=True, text=True, check=False)
            assert ended.returncode == 0, ended.stdout + ended.stderr
            checked.append(ended.stdout)
    if not checked:
        pytest.skip(f"no other Python with numpy is at hand; name some in {PYTHONS_VARIABLE}")
