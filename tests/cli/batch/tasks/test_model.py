"""What the command line sets for a model that it loads."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from grain_codec.cli.batch.tasks.decode import DecodeTask
from grain_codec.cli.batch.tasks.model import load_codec
from grain_codec.codec import load_model
from grain_codec.settings import ModelChoice


@pytest.fixture
def three_threads() -> Iterator[None]:
    """Lets torch use three threads, and puts its number back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_a_small_model_gets_two_threads_of_the_command_line() -> None:
    load_codec(ModelChoice(device="cpu"))
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("three_threads")
def test_large_networks_are_left_to_torch(small_weights: Path) -> None:
    load_codec(ModelChoice(name=str(small_weights), device="cpu"))
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_the_library_leaves_the_threads_alone() -> None:
    load_model.__wrapped__("face-1024", "cpu")
    assert torch.get_num_threads() == 3


def test_another_process_gets_the_choice_of_a_model_and_no_networks() -> None:
    task = DecodeTask(model=ModelChoice(device="cpu", precision="float32"))
    load_codec(task.model)
    assert len(pickle.dumps(task)) < 1000


def test_a_model_is_loaded_once() -> None:
    assert load_codec(ModelChoice(device="cpu")) is load_codec(ModelChoice(device="cpu"))
