"""Which of torch and ONNX Runtime draws, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from grain_codec.errors import WrongModel
from grain_codec.portable import engine, session
from grain_codec.portable.engine import choose_engine
from grain_codec.settings import ModelChoice
from grain_codec.weights import ModelFile, find_model, read_model

Install = Callable[[Collection[str]], None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Makes the machine one without a GPU, on which these packages are installed."""

    def apply(packages: Collection[str]) -> None:
        for module in (engine, session):
            monkeypatch.setattr(module, "find_spec", lambda name: name if name in packages else None)

    monkeypatch.setattr(engine, "may_have_gpu", lambda: False)
    apply({"torch", "onnxruntime"})
    return apply


@pytest.fixture(scope="module")
def shipped() -> ModelFile:
    return read_model(find_model("face-1024"))


def test_on_a_cpu_onnx_runtime_draws(shipped: ModelFile, install: Install):
    assert choose_engine(shipped, ModelChoice()) == ("onnx", "on a CPU it starts sooner than torch")
    assert choose_engine(shipped, ModelChoice(device="cpu", precision="float32"))[0] == "onnx"
    assert choose_engine(shipped, ModelChoice(engine="onnx")) == ("onnx", "it was asked for")


def test_torch_draws_where_it_is_asked_for(shipped: ModelFile, install: Install):
    assert choose_engine(shipped, ModelChoice(engine="torch")) == ("torch", "it was asked for")


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"device": "cuda"}, "on the CPU alone"),
        ({"device": "cuda:1"}, "CPU alone"),
        ({"precision": "bfloat16"}, "float32"),
    ],
)
def test_torch_draws_what_onnx_runtime_cannot(
    shipped: ModelFile, install: Install, choice: dict[str, str], reason: str
):
    chosen, why = choose_engine(shipped, ModelChoice(**choice))
    assert chosen == "torch" and reason in why
    with pytest.raises(WrongModel, match=reason):
        choose_engine(shipped, ModelChoice(engine="onnx", **choice))


def test_a_gpu_is_left_to_torch_unless_onnx_is_asked_for(
    shipped: ModelFile, install: Install, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine, "may_have_gpu", lambda: True)
    assert choose_engine(shipped, ModelChoice())[0] == "torch"
    assert choose_engine(shipped, ModelChoice(device="cpu"))[0] == "onnx"
    assert choose_engine(shipped, ModelChoice(engine="onnx"))[0] == "onnx"
    install({"onnxruntime"})
    assert choose_engine(shipped, ModelChoice())[0] == "onnx"


def test_without_onnx_runtime_or_graphs_torch_draws(shipped: ModelFile, small_weights: Path, install: Install):
    chosen, why = choose_engine(read_model(small_weights), ModelChoice())
    assert chosen == "torch" and "fused.graph.onnx lies beside the weights file" in why
    install({"torch"})
    chosen, why = choose_engine(shipped, ModelChoice())
    assert chosen == "torch" and "pip install onnxruntime" in why


def test_without_either_the_reason_is_an_error(shipped: ModelFile, install: Install):
    install(())
    with pytest.raises(WrongModel, match="pip install onnxruntime"):
        choose_engine(shipped, ModelChoice())
    with pytest.raises(WrongModel, match="pip install torch"):
        engine.require_torch()


def test_unknown_engines_are_refused():
    with pytest.raises(ValueError, match="engine 'abacus' is none of auto, torch, onnx"):
        ModelChoice(engine="abacus")
