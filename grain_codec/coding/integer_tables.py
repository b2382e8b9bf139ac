"""Integer tables that travel with a model's weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from grain_codec.errors import WrongModel


def check_types(tables: Mapping[str, np.ndarray], types: Mapping[str, type[np.generic]]) -> None:
    """Refuses tables of another type than theirs: floats would differ between machines, wide integers overflow.

    Raises:
        WrongModel: naming the table.
    """
    for name, wanted in types.items():
        if tables[name].dtype.newbyteorder("=") != wanted:
            raise WrongModel(f"the table {name} is of type {tables[name].dtype}, not {np.dtype(wanted)}")
