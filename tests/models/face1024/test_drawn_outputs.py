"""The codec with weights that have a prior and a fusion: three pictures of one file."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from grain_codec.codec import Codec, load_model
from grain_codec.errors import WrongModel
from grain_codec.models.face1024.networks import Face1024
from grain_codec.models.face1024.spec import DrawingSpec
from grain_codec.runtime.batch_renderer import BatchRenderer
from grain_codec.settings import DecodeSettings, EncodeSettings
from grain_codec.weights import find_model, network_tensors, read_model, write_model

DRAWING = DrawingSpec(
    code_width=8, position_channels=2, predictor_widths=(8, 8, 8), predictor_blocks=(1, 1, 1),
    generator_widths=(16, 16, 8), fusion_width=8, fusion_blocks=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def drawing_codec(tmp_path_factory: pytest.TempPathFactory) -> Codec:
    """The shipped model with small random modules in place of its own."""
    model = read_model(find_model("face-1024"))
    spec = dataclasses.replace(model.spec, drawing=DRAWING)
    torch.manual_seed(0)
    networks = Face1024(spec)
    torch.nn.init.normal_(networks.fusion.leave.weight, std=0.02)
    drawing = ("networks.prior.", "networks.fusion.")
    tensors = {name: value for name, value in model.tensors.items() if not name.startswith(drawing)}
    tensors |= {name: value for name, value in network_tensors(networks).items() if name.startswith(drawing)}
    path = write_model(tmp_path_factory.mktemp("drawing"), spec, tensors, "made by a test")
    return load_model(str(path), device="cpu")


def test_fused_is_drawn_unless_another_picture_is_asked_for(drawing_codec: Codec, codec: Codec, face: np.ndarray):
    data = drawing_codec.encode(face, EncodeSettings(quality=3))
    pictures = {output: drawing_codec.decode(data, DecodeSettings(output=output)) for output in drawing_codec.outputs}
    assert list(pictures) == ["fused", "rescaled", "prior"]
    assert np.array_equal(drawing_codec.decode(data), pictures["fused"])
    assert not np.array_equal(pictures["fused"], pictures["rescaled"])
    assert not np.array_equal(pictures["fused"], pictures["prior"])
    assert all(picture.shape == (1024, 1024, 3) for picture in pictures.values())


def test_modules_that_draw_change_nothing_of_what_is_transmitted(drawing_codec: Codec, codec: Codec, face: np.ndarray):
    with_modules, without = (each.files.coder.encode(each.analyse(face, 12)) for each in (drawing_codec, codec))
    assert with_modules == without


def test_no_frame_is_drawn_around_the_picture(codec: Codec, face: np.ndarray):
    """Along each edge `fused` is as bright as `rescaled`, in strips of eight pixels."""
    data = codec.encode(face, EncodeSettings(max_bytes=300))
    fused, rescaled = (codec.decode(data, DecodeSettings(output=output)) for output in ("fused", "rescaled"))
    lighter = fused.astype(float) - rescaled
    for turned in (np.rot90(lighter, quarter) for quarter in range(4)):
        assert max(abs(turned[at : at + 8].mean()) for at in range(0, 64, 8)) < 3.5


def test_bfloat16_draws_nearly_the_same_of_the_very_same_files(codec: Codec, face: np.ndarray):
    halved = Codec(codec.files.model, codec.device, "bfloat16")
    data = codec.encode(face, EncodeSettings(quality=1))
    assert halved.encode(face, EncodeSettings(quality=1)) == data
    difference = np.abs(halved.decode(data).astype(int) - codec.decode(data))
    assert difference.max() > 0 and np.mean(difference <= 1) > 0.95 and np.mean(difference <= 3) > 0.999
    assert BatchRenderer(halved).dtype == torch.bfloat16 and BatchRenderer(codec).dtype == torch.float32


def test_a_precision_is_refused_that_the_processor_only_imitates(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    with pytest.raises(WrongModel, match="bfloat16"):
        load_model(device="cpu", precision="bfloat16")
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    assert load_model.__wrapped__("face-1024", "cpu", "bfloat16").precision == "bfloat16"
    with pytest.raises(ValueError, match="float8"):
        load_model(device="cpu", precision="float8")
