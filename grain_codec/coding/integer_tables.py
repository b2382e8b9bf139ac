"""Integer tables that travel with a model's weights."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from grain_codec.errors import WrongModel


def check_types(tables: Mapping[str, npt.NDArray[Any]], types: Mapping[str, type[np.generic]]) -> None:
    """Refuses tables of other types than these: floats would differ between machines, wider integers could overflow.

    Raises:
        WrongModel: the text names the table.
    """
    for name, wanted in types.items():
        if tables[name].dtype.newbyteorder("=") != wanted:
            raise WrongModel(f"the table {name} is of type {tables[name].dtype}, not {np.dtype(wanted)}")
