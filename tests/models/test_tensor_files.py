"""Tensors that do not belong to a module are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from grain_codec.errors import WrongModel
from grain_codec.models.tensor_files import check_tensors


def test_tensors_are_named_by_what_is_wrong_with_them():
    wanted = {name: np.zeros(2) for name in ("a", "b", "c", "d", "e")}
    check_tensors(wanted, dict(wanted), "file")
    with pytest.raises(WrongModel, match="^file: lacks b, c, d and 1 more$"):
        check_tensors({"a": np.zeros(2), "x": np.zeros(2)}, wanted, "file")
    with pytest.raises(WrongModel, match="^file: has the unknown x$"):
        check_tensors({**wanted, "x": np.zeros(2)}, wanted, "file")
    with pytest.raises(WrongModel, match=r"^file: has the wrong shape: c is \[2, 1\], not \[2\]$"):
        check_tensors({**wanted, "c": np.zeros((2, 1))}, wanted, "file")
