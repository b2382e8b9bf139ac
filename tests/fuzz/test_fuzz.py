"""Every surface: inputs that once caused harm, and valid ones that hypothesis damages; run.py does it for longer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from fuzzing import bounds
from fuzzing.strategies import mutated
from fuzzing.surfaces import SURFACES
from hypothesis import HealthCheck, given, settings

from grain_codec.errors import Corrupt

CORPUS = Path(__file__).parent / "corpus"
EXAMPLES = {"container": 150, "png": 150, "entropy": 15, "metadata": 150, "weights": 60}
KEPT = [(path.parent.name, path.name) for path in sorted(CORPUS.glob("*/*"))]


@pytest.mark.parametrize("surface, name", KEPT, ids=["/".join(kept) for kept in KEPT])
def test_what_was_kept_does_no_harm(surface: str, name: str):
    SURFACES[surface].check((CORPUS / surface / name).read_bytes())


@pytest.mark.parametrize("surface", SURFACES)
def test_valid_inputs_pass(surface: str):
    for seed in SURFACES[surface].seeds():
        SURFACES[surface].check(seed)


@pytest.mark.parametrize("surface", SURFACES)
def test_damaged_inputs_do_no_harm(surface: str):
    @settings(max_examples=EXAMPLES[surface], deadline=None, suppress_health_check=list(HealthCheck))
    @given(mutated(SURFACES[surface], []))
    def attack(data: bytes) -> None:
        SURFACES[surface].check(data)

    attack()


def opens(path: Path) -> Callable[[], object]:
    """A function that opens a file and hides its failure."""

    def act() -> None:
        with suppress(Exception):
            path.read_bytes()

    return act


def spins() -> None:
    """Takes a tenth of a second of processor time."""
    ends = bounds.time.process_time() + 0.1
    while bounds.time.process_time() < ends:
        pass


@pytest.mark.parametrize(
    "act, told",
    [
        (opens(Path("/nowhere/at/all")), "opens '/nowhere/at/all'"),
        (lambda: subprocess.run([sys.executable, "-c", ""], check=True), "does subprocess.Popen"),
        (spins, "took 0.1 s"),
    ],
)
def test_the_bounds_notice_what_breaks_them(act: Callable[[], object], told: str):
    with pytest.raises(bounds.OutOfBounds, match=told), bounds.within_bounds(seconds=0.05 if act is spins else 2):
        act()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounds, "MOST_RESIDENT_BYTES", bounds.resident_bytes() + (32 << 20))
    with bounds.within_bounds():
        pass
    with pytest.raises(bounds.OutOfBounds, match="MiB"), bounds.within_bounds():
        bytearray(bounds.resident_bytes() + (64 << 20))[::4096]


def test_our_own_errors_pass_and_others_do_not(tmp_path: Path):
    with bounds.within_bounds(tmp_path / "named"):
        (tmp_path / "named").write_bytes(b"")
        raise Corrupt("of the file")
    with pytest.raises(IndexError), bounds.within_bounds():
        raise IndexError
