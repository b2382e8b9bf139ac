"""The codec with a model of the published kind: the LR image is the symbols, its samples coded without loss."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from grain_codec.codec import Codec, describe, load_model, low_resolution_image
from grain_codec.errors import BadImage, Corrupt, GrainError, TooLarge, WrongModel
from grain_codec.formats import container, png_carrier
from grain_codec.models.family import Payload
from grain_codec.models.grain2022.coder import MODELLED, PLAIN, Grain2022Coder, Grain2022Symbols
from grain_codec.models.grain2022.networks import Grain2022
from grain_codec.settings import DecodeSettings, EncodeSettings
from grain_codec.weights import network_tensors, write_model

NOISE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model(small_weights: Path) -> str:
    return str(small_weights)


@pytest.fixture(scope="module")
def small_codec(model: str) -> Codec:
    return load_model(model, "cpu")


@pytest.fixture(scope="module")
def file(small_codec: Codec, small_face: np.ndarray) -> bytes:
    return small_codec.encode(small_face)


@pytest.fixture(scope="module")
def carrier(small_codec: Codec, small_face: np.ndarray) -> bytes:
    return small_codec.encode(small_face, EncodeSettings(carrier="png"))


def networks_of(codec: Codec) -> Grain2022:
    assert isinstance(codec.networks, Grain2022)
    return codec.networks


def test_the_lr_image_is_the_rounded_output_of_the_encoder(
    small_codec: Codec, model: str, small_face: np.ndarray, file: bytes
):
    """Rounded and clamped to 8 bits as published, without noise."""
    with torch.inference_mode():
        image = torch.from_numpy(small_face).permute(2, 0, 1)[None].float() / 255 * 2 - 1
        lr = networks_of(small_codec).encode(image)
    expected = ((lr[0] + 1) / 2 * 255).round().clamp(0, 255).permute(1, 2, 0).numpy()
    assert expected.std() > 20
    assert np.array_equal(low_resolution_image(file, model), expected)


def test_what_is_drawn_is_what_the_networks_decode_from_the_lr_image(small_codec: Codec, model: str, file: bytes):
    lr = torch.from_numpy(low_resolution_image(file, model)).permute(2, 0, 1)[None].float() / 255 * 2 - 1
    with torch.inference_mode():
        decoded = networks_of(small_codec).decode(lr)
    for output in ("fused", "rescaled", "prior"):
        picture = getattr(decoded, output)[0].permute(1, 2, 0).numpy()
        expected = (((picture + 1) / 2).clip(0, 1) * 255).round()
        drawn = small_codec.decode(file, DecodeSettings(output=output))
        assert drawn.shape == (64, 64, 3) and drawn.dtype == np.uint8
        assert np.abs(drawn - expected).max() <= 1


def test_the_outputs_and_the_default(small_codec: Codec, file: bytes):
    assert small_codec.outputs == ("fused", "rescaled", "prior")
    assert np.array_equal(small_codec.decode(file), small_codec.decode(file, DecodeSettings(output="fused")))
    assert not np.array_equal(small_codec.decode(file), small_codec.decode(file, DecodeSettings(output="rescaled")))


def test_decoding_is_repeatable(small_codec: Codec, file: bytes, small_face: np.ndarray):
    assert small_codec.encode(small_face) == file
    assert np.array_equal(small_codec.decode(file), small_codec.decode(file))


def test_a_batch_is_drawn_as_its_faces_are(small_codec: Codec, file: bytes):
    symbols = [small_codec.files.read(file).symbols, Grain2022Symbols(NOISE)]
    batch = small_codec.draw(symbols)
    assert batch.shape == (2, 64, 64, 3) and batch.dtype == np.uint8
    for drawn, each in zip(batch, symbols, strict=True):
        assert np.abs(drawn.astype(int) - small_codec.draw([each])[0]).max() <= 1


def test_fewer_modules_draw_fewer_pictures(small_networks: Grain2022, tmp_path: Path):
    tensors = network_tensors(small_networks)
    for lacking, outputs in ((("fusion",), ("rescaled", "prior")), (("fusion", "prior"), ("rescaled",))):
        kept = {name: tensor for name, tensor in tensors.items() if name.split(".")[1] not in lacking}
        codec = load_model(str(write_model(tmp_path, small_networks.spec, kept, "")), "cpu")
        assert codec.outputs == outputs
        with pytest.raises(WrongModel, match=", ".join(outputs)):
            codec.draw([Grain2022Symbols(NOISE)], "fused")


def test_without_the_rescaling_module_there_is_no_codec(small_networks: Grain2022, tmp_path: Path):
    kept = {name: tensor for name, tensor in network_tensors(small_networks).items() if ".prior." in name}
    with pytest.raises(WrongModel, match="rescaling"):
        load_model(str(write_model(tmp_path, small_networks.spec, kept, "")), "cpu")


def test_both_carriers_hold_the_same_face(small_codec: Codec, model: str, file: bytes, carrier: bytes):
    shown = np.asarray(Image.open(io.BytesIO(carrier)).convert("RGB"))
    assert np.array_equal(shown, low_resolution_image(file, model))
    assert np.array_equal(low_resolution_image(carrier, model), shown)


def test_any_png_of_16_pixels_is_a_carrier_once_its_chunk_is_lost(small_codec: Codec):
    stream = io.BytesIO()
    Image.fromarray(NOISE).save(stream, "PNG")
    symbols = small_codec.files.read(stream.getvalue()).symbols
    assert isinstance(symbols, Grain2022Symbols) and np.array_equal(symbols.pixels, NOISE)


@pytest.mark.parametrize("kind", ["grain", "png"])
def test_any_lr_image_can_be_stored(small_codec: Codec, kind: str):
    for pixels in (NOISE, np.where(NOISE > 250, 0, NOISE), np.zeros_like(NOISE)):
        symbols = Grain2022Symbols(pixels)
        data = small_codec.files.write(symbols, Grain2022Coder().encode(symbols), EncodeSettings(carrier=kind))
        assert np.array_equal(small_codec.files.lr_image(small_codec.files.read(data)), pixels)


def test_noise_is_stored_plainly_and_a_face_is_not(file: bytes):
    assert Grain2022Coder().encode(Grain2022Symbols(NOISE)) == Payload(PLAIN, NOISE.tobytes())
    stored = container.unpack(file)
    assert stored.fine_quality == MODELLED and len(stored.payload) < 768


def test_what_can_be_modelled_is_not_read_plainly():
    with pytest.raises(Corrupt):
        Grain2022Coder().decode(Payload(PLAIN, np.full_like(NOISE, 7).tobytes()))


@pytest.mark.parametrize("fine_quality", [2, 255])
def test_other_qualities_are_refused(fine_quality: int):
    with pytest.raises(Corrupt, match=str(fine_quality)):
        Grain2022Coder().decode(Payload(fine_quality, b""))
    with pytest.raises(Corrupt, match=str(fine_quality)):
        Grain2022Coder().from_lr_image(NOISE, fine_quality)


def test_there_is_one_quality(small_codec: Codec, small_face: np.ndarray, file: bytes):
    for quality in (0, 100):
        assert small_codec.encode(small_face, EncodeSettings(quality=quality, effort=9)) == file
    with pytest.raises(ValueError):
        small_codec.encode(small_face, EncodeSettings(quality=101))


def test_a_cap_is_met_or_names_the_one_size(small_codec: Codec, small_face: np.ndarray, file: bytes):
    assert small_codec.encode(small_face, EncodeSettings(max_bytes=len(file))) == file
    with pytest.raises(TooLarge, match=f"only size possible is {len(file)} bytes"):
        small_codec.encode(small_face, EncodeSettings(max_bytes=len(file) - 1))


def test_every_truncation_and_every_eleventh_flipped_bit_is_refused(small_codec: Codec, file: bytes, carrier: bytes):
    for data in (file, carrier):
        for length in range(0, len(data), 7):
            with pytest.raises(GrainError):
                small_codec.files.read(data[:length])
        for bit in range(0, 8 * len(data), 11):
            damaged = bytearray(data)
            damaged[bit // 8] ^= 1 << bit % 8
            with pytest.raises(GrainError):
                small_codec.files.read(bytes(damaged))


def test_files_of_other_weights_are_refused(codec: Codec, small_codec: Codec, file: bytes, carrier: bytes):
    for data in (file, carrier):
        with pytest.raises(WrongModel, match="face-1024"):
            codec.files.read(data)


def test_a_carrier_of_a_quality_that_is_not_there_is_refused(small_codec: Codec, carrier: bytes):
    whole = png_carrier.unpack(carrier)
    forged = png_carrier.pack(png_carrier.Carrier(whole.pixels, 3, whole.fingerprint))
    with pytest.raises(Corrupt):
        small_codec.files.read(forged)


def test_other_sizes_are_refused(small_codec: Codec):
    with pytest.raises(BadImage, match="64"):
        small_codec.encode(np.zeros((1024, 1024, 3), np.uint8))


def test_describe_agrees_with_the_file(model: str, file: bytes, carrier: bytes):
    rows = describe(file, model)
    assert rows["model"] == "grain-2022" and rows["image"] == "64x64 RGB"
    assert rows["payload bytes"] == len(file) - container.OVERHEAD
    assert (rows["fine quality"], rows["quality"]) == (0, 100)
    assert describe(carrier, model)["fingerprint"] == rows["fingerprint"]
