"""Files of modules: our own and those in the official layouts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from grain_codec.errors import WrongModel
from grain_codec.models.grain2022.prior import GenerativePrior
from grain_codec.models.grain2022.rescaling import InvRRDB
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.training.state_files import load_module, write_module


def equal(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in one.state_dict().items())


def test_a_module_comes_back(tiny_spec: Grain2022Spec, tmp_path: Path):
    one, other = InvRRDB(tiny_spec), InvRRDB(tiny_spec)
    write_module(tmp_path / "module.pt", one, tiny_spec.to_json())
    load_module(other, tmp_path / "module.pt")
    assert equal(one, other)


@pytest.mark.parametrize("key", ["state_dict", "state_dict1", "state_dict2", "state_dict3"])
def test_official_layouts_are_read(tiny_spec: Grain2022Spec, tmp_path: Path, key: str):
    """The last stage of the official program numbers the keys."""
    one, other = InvRRDB(tiny_spec), InvRRDB(tiny_spec)
    torch.save({key: one.state_dict(), "opts": {"lr": 1e-4}}, tmp_path / "invRRDB_model.pt")
    load_module(other, tmp_path / "invRRDB_model.pt")
    assert equal(one, other)


def test_another_modules_file_is_named(tiny_spec: Grain2022Spec, tmp_path: Path):
    write_module(tmp_path / "prior.pt", GenerativePrior(tiny_spec), tiny_spec.to_json())
    with pytest.raises(WrongModel, match=r"prior\.pt"):
        load_module(InvRRDB(tiny_spec), tmp_path / "prior.pt")
