"""The thumbnail that a face's symbols transmit, drawn in integers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grain_codec.coding.grid import GRID, LR_SAMPLES
from grain_codec.coding.integer_tables import check_types
from grain_codec.errors import WrongModel
from grain_codec.models.face1024.spec import Face1024Spec

STEP_UNIT = 1 << 16  # Quantiser steps of the thumbnail are whole multiples of 1 / STEP_UNIT of the image range.

TABLE_TYPES: dict[str, type[np.generic]] = {"mean": np.int32, "basis": np.int16, "steps": np.int32}

_BASIS_BITS = 14
_STEP_BITS = 16
_WORKING_BITS = 20
_MOST_COMPONENT = 1 << 36
"""Bound on a component: larger than in any picture, and small enough that sums fit in 64 bits whatever a file says."""


@dataclass(frozen=True)
class ThumbnailTables:
    """Integers that turn thumbnail levels into a picture."""

    # int32 `[768]`, the mean thumbnail as channel, row, column, in 1 / 2**14 of the image range.
    mean: npt.NDArray[np.int32]
    basis: npt.NDArray[np.int16]  # int16 `[T, 768]`, principal components, in 1 / 2**14.
    steps: npt.NDArray[np.int32]  # int32 `[fine qualities]`, quantiser steps in 1 / STEP_UNIT.

    def check(self, spec: Face1024Spec) -> None:
        """Refuses tables of the wrong shape or type. Raises WrongModel: naming the table."""
        shapes = {
            "mean": (LR_SAMPLES,),
            "basis": (spec.thumbnail_components, LR_SAMPLES),
            "steps": (spec.fine_qualities,),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise WrongModel(f"the thumbnail's {name} has shape {getattr(self, name).shape}, not {shape}")
        check_types(vars(self), TABLE_TYPES)


def thumbnail_steps(spec: Face1024Spec) -> npt.NDArray[np.int32]:
    """The integer steps that a model ships, int32 `[fine qualities]`."""
    steps = [round(spec.thumbnail_step(quality) * STEP_UNIT) for quality in range(spec.fine_qualities)]
    return np.array(steps, np.int32)


def draw_thumbnail(levels: npt.NDArray[np.int64], fine_quality: int, tables: ThumbnailTables) -> npt.NDArray[np.uint8]:
    """Draws the transmitted thumbnail, uint8 `[16, 16, 3]`, from whole levels `[T]`, in integer arithmetic alone."""
    components = levels.astype(np.int64) * np.int64(tables.steps[fine_quality])
    components = components.clip(-_MOST_COMPONENT, _MOST_COMPONENT)
    centred = components @ tables.basis.astype(np.int64)
    fixed = centred + (tables.mean.astype(np.int64) << _STEP_BITS)
    working = fixed >> (_BASIS_BITS + _STEP_BITS - _WORKING_BITS)
    samples = (working * 255 + (1 << (_WORKING_BITS - 1))) >> _WORKING_BITS
    thumbnail: npt.NDArray[np.uint8] = samples.clip(0, 255).astype(np.uint8).reshape(3, GRID, GRID)
    return thumbnail.transpose(1, 2, 0)
