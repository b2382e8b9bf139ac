"""The spec travels as JSON and comes back as it was, or is refused."""

from __future__ import annotations

import json

import pytest

from grain_codec.errors import WrongModel
from grain_codec.spec import ModelSpec


def test_round_trip():
    spec = ModelSpec(name="other", predictor_width=32)
    assert ModelSpec.from_json(spec.to_json()) == spec


def test_the_step_halves_every_octave():
    spec = ModelSpec()
    assert spec.detail_step(spec.steps_per_octave) == spec.detail_step(0) / 2


def test_levels_rise_and_exist():
    spec = ModelSpec()
    assert len(spec.quality_levels) == 8
    assert list(spec.quality_levels) == sorted(set(spec.quality_levels))
    assert spec.quality_levels[-1] < spec.fine_qualities


def test_the_nearest_level_of_a_fine_quality():
    spec = ModelSpec(quality_levels=(0, 10, 20))
    assert [spec.nearest_level(quality) for quality in (0, 4, 6, 14, 16, 47)] == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"quality_levels": 3}', json.dumps({"quality_levels": [], "x": 1})])
def test_foreign_json_is_refused(text: str):
    with pytest.raises(WrongModel):
        ModelSpec.from_json(text)


def test_a_field_of_another_type_is_refused():
    text = ModelSpec().to_json().replace('"view_size":128', '"view_size":"128"')
    with pytest.raises(WrongModel, match="view_size"):
        ModelSpec.from_json(text)


def test_a_header_without_a_spec_is_refused():
    with pytest.raises(WrongModel):
        ModelSpec.from_header(b'{"__metadata__": {"format": "pt"}}')
