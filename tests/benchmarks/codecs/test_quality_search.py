"""The search over a ladder of file sizes: finds what trying everything finds, with few encodings."""

from __future__ import annotations

from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grain_codec.benchmarks.codecs.quality_search import LOOK_AHEAD, QualitySearch


class Ladder:
    """Sizes, and which of them were asked for."""

    def __init__(self, sizes: list[int]):
        self.sizes = sizes
        self.asked: list[int] = []

    def search(self, stride: int = 25, look_ahead: int = 0) -> QualitySearch:
        return QualitySearch(self._size, len(self.sizes), stride, look_ahead)

    def _size(self, place: int) -> int:
        self.asked.append(place)
        return self.sizes[place]


def usual_sizes(count: int = 101) -> list[int]:
    """Sizes as codecs have them: about exponential."""
    return [round(60 * 1.04**place) for place in range(count)]


growing = st.lists(st.integers(1, 2000), min_size=1, max_size=120).map(sorted)


@given(growing, st.integers(1, 2200), st.integers(-5, 130), st.integers(1, 30))
def test_where_sizes_grow_the_highest_that_fits_is_found(sizes: list[int], cap: int, start: int, stride: int) -> None:
    expected = bisect_right(sizes, cap) - 1
    assert Ladder(sizes).search(stride).finest(cap, start) == (None if expected < 0 else expected)


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=60), st.lists(st.integers(1, 2200), min_size=1, max_size=5))
def test_whatever_the_sizes_what_is_found_fits_and_nothing_is_asked_twice(sizes: list[int], caps: list[int]) -> None:
    ladder = Ladder(sizes)
    search = ladder.search(look_ahead=LOOK_AHEAD)
    for cap in caps:
        found = search.finest(cap, len(sizes) // 2)
        assert found is None or sizes[found] <= cap
        assert found is not None or sizes[0] > cap
    assert len(ladder.asked) == len(set(ladder.asked))


def test_few_are_asked() -> None:
    """Bisection alone would ask up to seven times for each cap."""
    ladder = Ladder(usual_sizes())
    search = ladder.search()
    for cap in (200, 384, 484, 640):
        assert ladder.sizes[search.finest(cap, 50)] <= cap
    assert len(ladder.asked) <= 14


def test_a_good_guess_costs_its_neighbourhood_only() -> None:
    ladder = Ladder(usual_sizes())
    cap = ladder.sizes[40]
    assert ladder.search(stride=1).finest(cap, 40) == 40
    assert sorted(ladder.asked) == [40, 41]


def test_a_step_as_sizes_have_them_at_the_end_of_a_scale_is_not_crept_towards() -> None:
    ladder = Ladder([100 + place for place in range(99)] + [10**6, 10**7])
    assert ladder.search().finest(198, 50) == 98
    assert len(ladder.asked) <= 14


@pytest.mark.parametrize(("look_ahead", "expected"), [(0, 2), (2, 4)])
def test_a_dip_beyond_what_was_found_is_seen_by_looking_ahead(look_ahead: int, expected: int) -> None:
    ladder = Ladder([10, 20, 30, 60, 45, 70])
    assert ladder.search(1, look_ahead).finest(50, 2) == expected


def test_a_picture_that_is_too_large_at_the_lowest_quality_is_given_up_early() -> None:
    ladder = Ladder(usual_sizes())
    assert ladder.search().finest(30, 50) is None
    assert len(ladder.asked) <= 3
