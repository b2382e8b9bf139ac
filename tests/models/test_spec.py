"""A spec travels as JSON and comes back as it was, or is refused."""

from __future__ import annotations

import dataclasses
import json

import pytest

from grain_codec.errors import WrongModel
from grain_codec.models.face1024.spec import DrawingSpec, Face1024Spec
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.models.registry import read_spec
from grain_codec.models.spec import Spec
from grain_codec.settings import DEFAULT_QUALITY, MOST_QUALITY

SPECS = [
    Face1024Spec(name="other", predictor_width=32),
    Face1024Spec(drawing=DrawingSpec(code_width=64)),
    Grain2022Spec(name="small", image_size=64, decoder_blocks=(1, 2, 1), generator_channels=(8, 8, 8, 8, 4)),
]


def changed(spec: Spec, **fields: object) -> str:
    """The JSON of a spec with some entries replaced, or left out where they are None."""
    entries = {**json.loads(spec.to_json()), **fields}
    return json.dumps({name: value for name, value in entries.items() if value is not None})


@pytest.mark.parametrize("spec", SPECS, ids=["face-1024", "with drawing", "grain-2022"])
def test_round_trip(spec: Spec):
    assert read_spec(spec.to_json()) == spec
    assert type(spec).from_json(spec.to_json()) == spec


def test_the_json_of_the_default_sizes_stays_what_it_was():
    """It is part of the fingerprint of weights that have them."""
    assert Face1024Spec().to_json() == (
        '{"coarsest_step":2.0,"detail_components":40,"enhancement_blocks":4,"enhancement_width":64,'
        '"fine_qualities":80,"image_size":1024,"name":"face-1024","neighbour_components":12,"position_channels":16,'
        '"predictor_blocks":2,"predictor_width":128,"quality_levels":[0,8,14,19,24,33,47,76],"steps_per_octave":16,'
        '"thumbnail_components":448,"thumbnail_step_ratio":0.125,"view_size":128}'
    )


def test_the_step_halves_every_octave():
    spec = Face1024Spec()
    assert spec.detail_step(spec.steps_per_octave) == spec.detail_step(0) / 2


@pytest.mark.parametrize("count", [2, 16, 80, 256])
def test_qualities_lie_evenly_on_the_fine_qualities(count: int):
    spec = Face1024Spec(fine_qualities=count, quality_levels=(0,))
    found = [spec.fine_quality_of(quality) for quality in range(MOST_QUALITY + 1)]
    assert (found[0], found[-1]) == (0, count - 1)
    assert all(abs(fine - (count - 1) * quality / MOST_QUALITY) <= 0.5 for quality, fine in enumerate(found))
    for fine in range(count):
        assert abs(spec.quality_of(fine) - MOST_QUALITY * fine / (count - 1)) <= 0.5


def test_a_model_of_one_fine_quality_has_it_for_every_quality():
    spec = Grain2022Spec()
    assert {spec.fine_quality_of(quality) for quality in (0, 50, MOST_QUALITY)} == {0}
    assert spec.quality_of(0) == MOST_QUALITY


def test_the_default_quality_of_the_shipped_model():
    assert Face1024Spec().fine_quality_of(DEFAULT_QUALITY) == 24 and Face1024Spec().quality_of(24) == DEFAULT_QUALITY


def test_the_published_sizes():
    spec = Grain2022Spec()
    assert spec.halvings == 6
    assert spec.channels == {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "1e999", "[" * 100_000, '{"quality_levels": 3}', json.dumps({"quality_levels": [], "x": 1})],
)
def test_foreign_json_is_refused(text: str):
    with pytest.raises(WrongModel):
        read_spec(text)


@pytest.mark.parametrize("family", ["house-512", ["grain-2022"], 3])
def test_an_unknown_family_is_refused(family: object):
    with pytest.raises(WrongModel, match="family"):
        read_spec(changed(Face1024Spec(), family=family))


@pytest.mark.parametrize(
    ("spec", "field", "value"),
    [
        (Face1024Spec(), "view_size", "128"),
        (Face1024Spec(), "view_size", None),
        (Face1024Spec(), "view_size", 130),
        (Face1024Spec(), "image_size", 1 << 40),
        (Face1024Spec(), "predictor_width", 1 << 20),
        (Face1024Spec(), "predictor_blocks", 10_000),
        (Face1024Spec(), "detail_components", True),
        (Face1024Spec(), "coarsest_step", float("nan")),
        (Face1024Spec(), "thumbnail_step_ratio", float("inf")),
        (Face1024Spec(), "quality_levels", []),
        (Face1024Spec(), "quality_levels", [80]),
        (Face1024Spec(), "quality_levels", [1.5]),
        (Face1024Spec(), "quality_levels", list(range(40))),
        (Face1024Spec(), "name", "../../.ssh/id"),
        (Face1024Spec(), "drawing", {}),
        (Face1024Spec(), "drawing", 3),
        (Face1024Spec(drawing=DrawingSpec()), "drawing", dataclasses.asdict(DrawingSpec(generator_widths=(512, 256)))),
        (
            Face1024Spec(drawing=DrawingSpec()),
            "drawing",
            dataclasses.asdict(DrawingSpec(generator_widths=(512, 256, 30))),
        ),
        (Face1024Spec(drawing=DrawingSpec()), "drawing", dataclasses.asdict(DrawingSpec(predictor_widths=(8, 8)))),
        (Grain2022Spec(), "width", 1 << 30),
        (Grain2022Spec(), "encoder_blocks", -1),
        (Grain2022Spec(), "image_size", 1000),
        (Grain2022Spec(), "decoder_blocks", [3, 3, 3]),
        (Grain2022Spec(), "decoder_blocks", [1 << 20] * 7),
        (Grain2022Spec(), "generator_channels", [512] * 8),
        (Grain2022Spec(), "generator_channels", [1 << 20] * 9),
        (Grain2022Spec(), "code_channels", 0),
        (Grain2022Spec(), "name", "a/b"),
    ],
)
def test_sizes_that_cannot_be_are_refused_by_name(spec: Spec, field: str, value: object):
    with pytest.raises(WrongModel, match=field if field != "drawing" else None):
        read_spec(changed(spec, **{field: value}))
