"""Settings from options, and where modules and training state are looked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grain_codec.training.settings import ModuleFiles, RunSettings, UnusableSettings

FACES = {"data": (Path("a"),), "validation": (Path("b"),)}


def settings(**options: Any) -> RunSettings:
    return RunSettings.from_options({**FACES, **options})


def test_options_become_fields_of_the_settings_and_of_the_settings_in_them():
    found = settings(seed=3, exp_dir=Path("run"), square=2.0, lpips_weights=(Path("a"),), model="face-1024")
    assert (found.data, found.seed, found.modules.exp_dir) == ((Path("a"),), 3, Path("run"))
    assert (found.loss.square, found.loss.lpips_weights, found.loss.identity) == (2.0, (Path("a"),), 0.1)


def test_the_recipe_is_changed_only_where_the_user_has_chosen():
    found = settings(steps=7, compile=False, optimizer=None, average=0.0, workers=1)
    assert found.recipe == {"steps": 7, "compile": False, "average": 0.0} and found.workers == 1


def test_options_without_a_value_leave_the_default():
    assert settings(workers=None) == settings()


def test_the_state_lies_where_the_user_says_or_in_the_folder_of_the_stage():
    assert settings(checkpoint=Path("x.pt"), exp_dir=Path("run")).state_path("prior") == Path("x.pt")
    assert settings(exp_dir=Path("run")).state_path("prior") == Path("run/prior/state.pt")
    with pytest.raises(UnusableSettings, match="--exp-dir"):
        settings().state_path("prior")


@pytest.fixture
def exp_dir(tmp_path: Path) -> Path:
    """A folder in which the prior was trained, by itself and with the others."""
    for stage in ("prior", "finetune"):
        (tmp_path / stage).mkdir()
        (tmp_path / stage / "prior.pt").touch()
    return tmp_path


def test_a_stage_starts_from_the_named_file_or_from_that_of_the_stage_that_trains_the_module(exp_dir: Path):
    assert ModuleFiles(exp_dir=exp_dir).needed("prior", "prior.pt") == exp_dir / "prior" / "prior.pt"
    assert ModuleFiles(exp_dir=exp_dir, prior_checkpoint=Path("x")).needed("prior", "prior.pt") == Path("x")
    with pytest.raises(UnusableSettings, match=r"--fusion-checkpoint; .*fusion\.pt does not exist"):
        ModuleFiles(exp_dir=exp_dir).needed("fusion", "fusion.pt")
    with pytest.raises(UnusableSettings, match="give --fusion-checkpoint.$"):
        ModuleFiles().needed("fusion", "fusion.pt")


def test_an_export_takes_the_named_file_or_that_of_the_last_stage_that_trained_the_module(exp_dir: Path):
    assert ModuleFiles(exp_dir=exp_dir).latest("prior", "prior.pt") == exp_dir / "finetune" / "prior.pt"
    (exp_dir / "finetune" / "prior.pt").unlink()
    assert ModuleFiles(exp_dir=exp_dir).latest("prior", "prior.pt") == exp_dir / "prior" / "prior.pt"
    assert ModuleFiles(exp_dir=exp_dir, prior_checkpoint=Path("x")).latest("prior", "prior.pt") == Path("x")
    assert ModuleFiles(exp_dir=exp_dir).latest("fusion", "fusion.pt") is ModuleFiles().latest("prior", "p") is None
