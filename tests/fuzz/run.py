"""Fuzzes one surface for some minutes: with atheris, which is guided by coverage, or with hypothesis.

    python tests/fuzz/run.py container --minutes 10
    python tests/fuzz/run.py container --minutes 10 --hypothesis

An input that breaks a rule ends the run; atheris leaves it in the working directory, hypothesis prints it. Once the
fault is corrected, add the input to tests/fuzz/corpus/SURFACE. The tests do not need atheris; `pip install atheris`
installs it.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

MOST_RESIDENT_MIB = 1024
SECONDS_BEFORE_IT_HANGS = 20
MOST_BYTES = 1 << 16
CORPUS = Path(__file__).parent / "corpus"


def fuzz_with_atheris(name: str, minutes: float) -> None:
    """Runs libFuzzer in this process; it ends the process."""
    import atheris

    with atheris.instrument_imports(include=["grain_codec", "piexif", "safetensors"]):
        from fuzzing.surfaces import SURFACES
    from fuzzing.mutation import apply, random_edit

    surface = SURFACES[name]

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        source = random.Random(seed)
        if source.random() < 0.5:
            data = atheris.Mutate(data, most)
        else:
            data = apply(data, [random_edit(source) for _ in range(source.randrange(1, 4))])
        return (surface.repair(data) if source.random() < 0.9 else data)[:most]

    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate([*surface.seeds(), *committed(name)]):
            (Path(folder) / str(number)).write_bytes(seed)
        options = [f"-max_total_time={60 * minutes:.0f}", f"-rss_limit_mb={MOST_RESIDENT_MIB}"]
        options += [f"-timeout={SECONDS_BEFORE_IT_HANGS}", f"-max_len={MOST_BYTES}", "-print_final_stats=1"]
        options += ["-entropic_scale_per_exec_time=1"]
        atheris.Setup([sys.argv[0], *options, folder], surface.check, custom_mutator=mutate)
        atheris.Fuzz()


def fuzz_with_hypothesis(name: str, minutes: float) -> None:
    """Runs hypothesis again and again, with new examples each time."""
    import faulthandler

    from fuzzing.strategies import mutated
    from fuzzing.surfaces import SURFACES
    from hypothesis import HealthCheck, given, settings

    surface, executions, ends = SURFACES[name], 0, time.monotonic() + 60 * minutes

    @settings(max_examples=1000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(mutated(surface, committed(name)))
    def attack(data: bytes) -> None:
        nonlocal executions
        if time.monotonic() < ends:
            executions += 1
            faulthandler.dump_traceback_later(SECONDS_BEFORE_IT_HANGS, exit=True)
            surface.check(data)

    while time.monotonic() < ends:
        attack()
    faulthandler.cancel_dump_traceback_later()
    print(f"{name}: {executions} executions in {minutes:g} minutes, nothing found")


def committed(name: str) -> list[bytes]:
    """Inputs of earlier runs that were added to the corpus."""
    return [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("surface", choices=["container", "png", "entropy", "metadata", "weights"])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--hypothesis", action="store_true", help="instead of atheris")
    options = parser.parse_args()
    (fuzz_with_hypothesis if options.hypothesis else fuzz_with_atheris)(options.surface, options.minutes)


if __name__ == "__main__":
    main()
