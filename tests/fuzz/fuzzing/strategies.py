"""Strategies of hypothesis: valid inputs that are damaged in a few places."""

from __future__ import annotations

from hypothesis import strategies as st

from fuzzing.mutation import KINDS, Edit, apply
from fuzzing.surfaces import Surface

places, lengths = st.integers(0, 1 << 17), st.integers(0, 1023)
edits = st.builds(Edit, st.sampled_from(sorted(KINDS)), places, lengths, st.binary(max_size=9))


def mutated(surface: Surface, more: list[bytes]) -> st.SearchStrategy[bytes]:
    """Inputs of a surface: edited seeds, with and without corrected checksums, or any bytes."""
    damaged = st.builds(apply, st.sampled_from([*surface.seeds(), *more]), st.lists(edits, min_size=1, max_size=4))
    return damaged.map(surface.repair) | damaged | st.binary(max_size=300)
