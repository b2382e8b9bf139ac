"""Marks that every face has survive the average of faces; their own detail does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from grain_codec.benchmarks.fixed_pattern import Averaged, detail_of, main


def kept(pictures: list[np.ndarray]) -> float:
    average = Averaged()
    for picture in pictures:
        average.add(picture)
    return average.kept


@pytest.fixture
def pictures() -> list[np.ndarray]:
    """Sixteen pictures of noise."""
    return list(np.random.default_rng(0).integers(64, 192, (16, 256, 256, 3), np.uint8))


def test_independent_detail_keeps_one_in_the_square_root_of_their_number(pictures: list[np.ndarray]) -> None:
    assert kept(pictures) == pytest.approx(0.25, abs=0.01)


def test_a_mark_at_the_same_pixels_survives(pictures: list[np.ndarray]) -> None:
    marked = [picture.copy() for picture in pictures]
    for picture in marked:
        picture[::8] = 255
    assert kept(marked) > 0.6
    assert kept([pictures[0]] * 4) == pytest.approx(1)


def test_what_64_lines_can_show_is_no_detail() -> None:
    slope = np.broadcast_to(np.linspace(0, 255, 256)[:, None, None], (256, 256, 3)).astype(np.uint8)
    assert np.abs(detail_of(slope)[8:-8]).max() < 2


@pytest.mark.slow
def test_the_program_tells_of_photographs_and_every_output(tmp_path: Path, faces: dict[str, np.ndarray]) -> None:
    for name in list(faces)[:2]:
        Image.fromarray(faces[name]).save(tmp_path / f"{name}.png")
    ended = CliRunner().invoke(main, [str(tmp_path), "--max-bytes", "200", "--count", "2"])
    assert ended.exit_code == 0, ended.output
    names = [line.split(":")[0] for line in ended.output.splitlines()]
    assert names == ["photographs", "fused", "rescaled", "prior"]
