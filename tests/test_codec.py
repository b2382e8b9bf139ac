"""The codec with the shipped weights on faces: files, limits, carriers, refusals, types."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

import grain_codec
from grain_codec.codec import Codec, describe, load_decoder, low_resolution_image, read_chunks
from grain_codec.coding.grid import MOST_PAYLOAD
from grain_codec.coding.lr_image import MOST_HEAD, base_of, extract
from grain_codec.errors import BadImage, Corrupt, GrainError, NotGrain, TooLarge, WrongModel
from grain_codec.formats import container, png_carrier
from grain_codec.settings import CARRIERS, DEFAULT_QUALITY, DecodeSettings, EncodeSettings


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return 10 * math.log10(255**2 / np.mean((one.astype(float) - other) ** 2))


def thumbnail_of(face: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(face).resize((16, 16), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def file(codec: Codec, face: np.ndarray) -> bytes:
    return codec.encode(face)


@pytest.fixture(scope="module")
def carrier(codec: Codec, face: np.ndarray) -> bytes:
    return codec.encode(face, EncodeSettings(carrier="png"))


def test_a_face_comes_back(codec: Codec, faces: dict[str, np.ndarray]):
    """Far nearer than its thumbnail enlarged, from a file far smaller than that thumbnail's 768 bytes."""
    for face in faces.values():
        data = codec.encode(face, EncodeSettings(max_bytes=484))
        enlarged = np.asarray(Image.fromarray(thumbnail_of(face)).resize((1024, 1024), Image.Resampling.BICUBIC))
        assert len(data) <= 484
        assert psnr(codec.decode(data, DecodeSettings(output="rescaled")), face) > psnr(enlarged, face) + 2.5
        assert psnr(codec.decode(data), face) > psnr(enlarged, face) + 1.5


def test_encoding_is_repeatable(codec: Codec, face: np.ndarray, file: bytes):
    assert codec.encode(face) == file


def test_quality_buys_bytes_and_fidelity(codec: Codec, face: np.ndarray):
    files = [codec.encode(face, EncodeSettings(quality=quality)) for quality in range(0, 101, 20)]
    assert [len(data) for data in files] == sorted(len(data) for data in files)
    distances = [psnr(codec.decode(data), face) for data in files]
    assert distances == sorted(distances)
    assert distances[-1] > distances[0] + 2


@pytest.mark.parametrize("cap", [150, 200, 300, 484])
@pytest.mark.parametrize("kind", ["anna", "otis"])
def test_a_byte_cap_is_met_and_used(codec: Codec, faces: dict[str, np.ndarray], kind: str, cap: int):
    data = codec.encode(faces[kind], EncodeSettings(max_bytes=cap))
    assert 0.85 * cap < len(data) <= cap


def test_a_cap_that_cannot_be_met_names_the_smallest_size(codec: Codec, face: np.ndarray):
    with pytest.raises(TooLarge) as refusal:
        codec.encode(face, EncodeSettings(max_bytes=20))
    smallest = int(str(refusal.value).split()[-2])
    assert len(codec.encode(face, EncodeSettings(max_bytes=smallest))) == smallest
    with pytest.raises(TooLarge):
        codec.encode(face, EncodeSettings(max_bytes=smallest - 1))


def test_the_lr_image_shows_the_face_at_every_quality(codec: Codec, face: np.ndarray):
    for quality in (*range(0, 60, 10), 60, 80, 100):
        pixels = low_resolution_image(codec.encode(face, EncodeSettings(quality=quality)))
        assert pixels.shape == (16, 16, 3)
        assert psnr(pixels, thumbnail_of(face)) > 27


@pytest.fixture(scope="module")
def long_files(codec: Codec, face: np.ndarray) -> dict[str, bytes]:
    """A face in more bytes than the LR image carries, in both carriers."""
    return {carrier: codec.encode(face, EncodeSettings(max_bytes=5000, carrier=carrier)) for carrier in CARRIERS}


def test_bytes_beyond_the_lr_image_bring_the_face_nearer(codec: Codec, face: np.ndarray, long_files: dict[str, bytes]):
    full = codec.encode(face, EncodeSettings(max_bytes=MOST_HEAD + container.OVERHEAD))
    longer = long_files["grain"]
    assert len(longer) > MOST_HEAD + container.OVERHEAD >= len(full)
    near, nearer = (codec.decode(data, DecodeSettings(output="rescaled")) for data in (full, longer))
    assert psnr(nearer, face) > psnr(near, face) + 0.2


def test_the_lr_image_of_a_long_file_shows_the_face_too(face: np.ndarray, long_files: dict[str, bytes]):
    shown = [low_resolution_image(data) for data in long_files.values()]
    assert np.array_equal(*shown) and psnr(shown[0], thumbnail_of(face)) > 27


def test_a_long_file_reads_the_same_from_both_carriers(codec: Codec, long_files: dict[str, bytes]):
    grain, png = (codec.files.read(data) for data in long_files.values())
    assert grain.payload == png.payload and len(codec.files.coder.tail(grain.payload)) > 0
    assert np.array_equal(grain.symbols.details, png.symbols.details)


def test_a_long_carrier_without_its_private_chunk_is_refused(long_files: dict[str, bytes]):
    stream = io.BytesIO()
    Image.open(io.BytesIO(long_files["png"])).save(stream, "PNG")
    with pytest.raises(Corrupt, match="lacks the tail"):
        low_resolution_image(stream.getvalue(), fine_quality=describe(long_files["png"])["fine quality"])


@pytest.mark.parametrize("carrier", CARRIERS)
def test_damage_to_a_long_file_is_noticed(codec: Codec, long_files: dict[str, bytes], carrier: str):
    data = long_files[carrier]
    for position in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[position] ^= 1 << (position % 8)
        with pytest.raises(GrainError):
            codec.files.read(bytes(damaged))
    for length in range(0, len(data), 50):
        with pytest.raises(GrainError):
            codec.files.read(data[:length])


def test_a_picture_that_is_no_face_still_fits_a_payload(codec: Codec):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
    data = codec.encode(noise, EncodeSettings(quality=000))
    assert len(data) <= MOST_PAYLOAD + container.OVERHEAD
    assert codec.decode(data).shape == (1024, 1024, 3)


def test_both_carriers_hold_the_same_face(codec: Codec, file: bytes, carrier: bytes):
    assert np.array_equal(codec.decode(carrier), codec.decode(file))
    shown = np.asarray(Image.open(io.BytesIO(carrier)).convert("RGB"))
    assert np.array_equal(shown, low_resolution_image(file))


CHUNKS = (container.Chunk(container.XMP, b"<RDF/>" * 20), container.Chunk(container.EXIF, b"MM\0*" + bytes(76)))
CHUNK_BYTES = sum(len(chunk.content) for chunk in CHUNKS)


@pytest.mark.parametrize("kind", ["grain", "png"])
def test_chunks_travel_along_and_count(codec: Codec, face: np.ndarray, kind: str):
    bare = codec.encode(face, EncodeSettings(carrier=kind))
    laden = codec.encode(face, EncodeSettings(carrier=kind, chunks=CHUNKS))
    assert read_chunks(bare) == () and read_chunks(laden) == CHUNKS[::-1]
    assert CHUNK_BYTES < len(laden) - len(bare) < CHUNK_BYTES + 50
    assert low_resolution_image(laden).tobytes() == low_resolution_image(bare).tobytes()
    assert {"field EXIF": "80 B", "field XMP": "120 B"}.items() <= describe(laden).items()
    cap = len(laden)
    assert len(codec.encode(face, EncodeSettings(max_bytes=cap, carrier=kind, chunks=CHUNKS))) <= cap
    with pytest.raises(TooLarge, match=r"bytes, 200 of them for what travels along"):
        codec.encode(face, EncodeSettings(max_bytes=CHUNK_BYTES, carrier=kind, chunks=CHUNKS))


@pytest.mark.parametrize(("kind", "size"), [("grain", 1 << 20), ("png", 1 << 16)])
def test_chunks_that_do_not_fit_the_carrier_are_refused(codec: Codec, face: np.ndarray, kind: str, size: int):
    with pytest.raises(BadImage, match="metadata take"):
        codec.encode(
            face, EncodeSettings(quality=0, carrier=kind, chunks=(container.Chunk(container.EXIF, bytes(size)),))
        )


def test_a_recompressed_carrier_without_its_chunk_decodes_with_its_quality(codec: Codec, file: bytes, carrier: bytes):
    stream = io.BytesIO()
    Image.open(io.BytesIO(carrier)).save(stream, "PNG", optimize=True)
    with pytest.raises(NotGrain, match="--fine-quality"):
        codec.decode(stream.getvalue())
    fine_quality = container.unpack(file).fine_quality
    assert np.array_equal(
        codec.decode(stream.getvalue(), DecodeSettings(fine_quality=fine_quality)), codec.decode(file)
    )
    with pytest.raises(Corrupt):
        codec.files.read(stream.getvalue(), fine_quality - 1)


def test_the_payload_is_within_two_bytes_of_the_ideal(codec: Codec, faces: dict[str, np.ndarray]):
    for face in faces.values():
        symbols = codec.analyse(face, 24)
        assert len(codec.files.coder.encode(symbols).data) <= codec.files.coder.levels.ideal_bits(symbols) / 8 + 2


def test_every_truncation_is_refused(codec: Codec, file: bytes, carrier: bytes):
    for data in (file, carrier):
        for length in range(len(data)):
            with pytest.raises(GrainError):
                codec.files.read(data[:length])


def test_every_flipped_bit_is_refused(codec: Codec, file: bytes, carrier: bytes):
    for data in (file, carrier):
        for bit in range(8 * len(data)):
            damaged = bytearray(data)
            damaged[bit // 8] ^= 1 << bit % 8
            with pytest.raises(GrainError):
                codec.files.read(bytes(damaged))


def test_an_lr_image_that_does_not_show_its_own_thumbnail_is_refused(codec: Codec, carrier: bytes):
    """Samples moved by the base keep the payload as it is, but make another picture of it."""
    whole = png_carrier.unpack(carrier)
    base = base_of(len(extract(whole.pixels)))
    for sample in range(2, 768, 37):
        pixels = whole.pixels.copy()
        value = int(pixels.reshape(-1)[sample])
        pixels.reshape(-1)[sample] = value + base if value < 128 else value - base
        forged = png_carrier.pack(png_carrier.Carrier(pixels, whole.fine_quality, whole.fingerprint))
        with pytest.raises(Corrupt):
            codec.files.read(forged)


def test_files_of_other_weights_are_refused(codec: Codec, file: bytes):
    stored = container.unpack(file)
    other = container.StoredFace(stored.fine_quality, b"\x00\x01\x02", stored.payload)
    with pytest.raises(WrongModel, match="000102"):
        codec.files.read(container.pack(other))


def test_a_quality_beyond_the_models_is_refused(codec: Codec, file: bytes):
    stored = container.unpack(file)
    with pytest.raises(Corrupt):
        codec.files.read(container.pack(container.StoredFace(255, stored.fingerprint, stored.payload)))


@pytest.mark.parametrize("shape", [(1024, 1024), (512, 512, 3), (1024, 1024, 4)])
def test_other_shapes_are_refused(codec: Codec, shape: tuple[int, ...]):
    with pytest.raises(BadImage):
        codec.encode(np.zeros(shape, np.uint8))


def test_describe_agrees_with_the_file(file: bytes, carrier: bytes):
    rows = describe(file)
    assert rows["bytes"] == len(file)
    assert rows["payload bytes"] == len(file) - container.OVERHEAD
    assert rows["quality"] == DEFAULT_QUALITY
    assert describe(carrier)["fine quality"] == rows["fine quality"]


@pytest.fixture(scope="module")
def grey_face(face: np.ndarray) -> np.ndarray:
    """A photograph without colour."""
    return np.asarray(Image.fromarray(face).convert("L").convert("RGB"))


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_a_grey_photograph_comes_back_grey(codec: Codec, grey_face: np.ndarray, carrier: str, engine: str):
    data = codec.encode(grey_face, EncodeSettings(quality=0, carrier=carrier))
    for output in ("fused", "rescaled"):
        drawn = load_decoder(device="cpu", engine=engine).decode(data, DecodeSettings(output=output))
        assert (drawn == drawn[:, :, :1]).all() and psnr(drawn, grey_face) > 18
    assert describe(data)["image"] == "1024x1024 grey"


def test_a_photograph_with_colour_keeps_it(codec: Codec, grey_face: np.ndarray):
    """One pixel suffices, so that nothing with colour is ever taken for grey."""
    tinted = grey_face.copy()
    tinted[700, 300, 0] ^= 1
    files = [codec.encode(each, EncodeSettings(quality=0)) for each in (tinted, grey_face)]
    assert len(files[0]) == len(files[1])
    assert [describe(data)["image"] for data in files] == ["1024x1024 RGB", "1024x1024 grey"]
    assert psnr(codec.decode(files[1]), grey_face) > psnr(codec.decode(files[0]), grey_face)


def test_every_image_type_gives_the_same_file(face: np.ndarray, file: bytes):
    tensor = torch.from_numpy(face).permute(2, 0, 1)
    assert grain_codec.encode(Image.fromarray(face)) == file
    assert grain_codec.encode(face) == file
    assert grain_codec.encode(tensor) == file
    assert grain_codec.encode(torch.stack([tensor, tensor.flip(-1)]).float() / 255)[0] == file


def test_pillow_images_are_encoded_as_they_are_seen(face: np.ndarray, file: bytes):
    """Turned by their EXIF, over white; as `grain-encode` takes the file."""
    lying = Image.fromarray(np.ascontiguousarray(np.rot90(face)))
    lying.getexif()[ExifTags.Base.Orientation] = 6
    assert grain_codec.encode(lying) == file
    hidden = Image.fromarray(np.dstack([np.full_like(face, 90), np.zeros_like(face[..., 0])]))
    white = np.full_like(face, 255)
    assert grain_codec.encode(hidden, align="never") == grain_codec.encode(white, align="never")


def test_every_image_type_comes_back(file: bytes):
    pixels = load_decoder().decode(file)
    assert np.array_equal(np.asarray(grain_codec.decode(file)), pixels)
    assert np.array_equal(grain_codec.decode(file, kind="numpy"), pixels)
    batch = grain_codec.decode([file, file], kind="torch")
    assert batch.shape == (2, 3, 1024, 1024)
    assert np.array_equal((batch[1] * 255).round().byte().permute(1, 2, 0).numpy(), pixels)


def test_a_batch_is_drawn_as_its_faces_are(codec: Codec, faces: dict[str, np.ndarray]):
    symbols = [codec.analyse(faces["anna"], 8), codec.analyse(faces["otis"], 30)]
    batch = codec.draw(symbols)
    assert batch.shape == (2, 1024, 1024, 3) and batch.dtype == np.uint8
    for drawn, each in zip(batch, symbols, strict=True):
        assert np.quantile(np.abs(drawn.astype(int) - codec.draw([each])[0]), 0.999) <= 1


def test_the_default_picture_is_the_first(codec: Codec, file: bytes):
    assert np.array_equal(codec.decode(file), codec.decode(file, DecodeSettings(output=codec.outputs[0])))
    assert np.array_equal(grain_codec.decode(file, "numpy", output=codec.outputs[0]), load_decoder().decode(file))


def test_a_picture_that_the_model_lacks_is_refused(codec: Codec, file: bytes):
    with pytest.raises(WrongModel, match=f"cannot draw 'view'; it has {', '.join(codec.outputs)}"):
        codec.decode(file, DecodeSettings(output="view"))


def test_other_devices_and_models_are_refused():
    with pytest.raises(WrongModel):
        grain_codec.load_model(device="abacus")
    with pytest.raises(WrongModel):
        grain_codec.load_model("nobody")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_draws_what_the_cpu_draws(codec: Codec, file: bytes):
    on_gpu = grain_codec.load_model(device="cuda").decode(file).astype(int)
    assert np.quantile(np.abs(on_gpu - codec.decode(file)), 0.999) <= 1


def test_a_batch_is_its_faces_one_by_one(codec: Codec, faces: dict[str, np.ndarray]):
    """Up to what a sum in another order rounds otherwise; a face that does not fit leaves the others alone."""
    noise = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), np.uint8)
    busy = np.asarray(Image.fromarray(noise[::64, ::64]).resize((1024, 1024), Image.Resampling.NEAREST))
    first, *_, last = faces.values()
    *together, refused = codec.encode_batch(
        [first, last, busy], [EncodeSettings(max_bytes=300)] * len([first, last, busy])
    )
    assert isinstance(refused, TooLarge)
    for data, face in zip(together, (first, last)):
        alone = codec.encode(face, EncodeSettings(max_bytes=300))
        assert len(data) <= 300
        assert abs(psnr(codec.decode(data), face) - psnr(codec.decode(alone), face)) < 0.05
