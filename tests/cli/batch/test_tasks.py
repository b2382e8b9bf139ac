"""What the command line sets for a model that it loads."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from grain_codec.cli.batch.tasks import LazyModel

from grain_codec.codec import load_model


@pytest.fixture
def three_threads() -> Iterator[None]:
    """Lets torch use three threads, and puts its number back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_a_small_model_gets_two_threads_of_the_command_line() -> None:
    LazyModel(device="cpu").codec()
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("three_threads")
def test_large_networks_are_left_to_torch(small_weights: Path) -> None:
    LazyModel(str(small_weights), "cpu").codec()
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_the_library_leaves_the_threads_alone() -> None:
    load_model.__wrapped__("face-1024", "cpu")
    assert torch.get_num_threads() == 3


def test_another_process_loads_the_same_model_the_same_way() -> None:
    model = LazyModel("face-1024", "cpu", "float32")
    model.codec()
    # A copy is made by the very method that a process's arguments travel by.
    sent = copy.copy(model)
    assert vars(sent) == vars(LazyModel("face-1024", "cpu", "float32")) and not sent.loaded
