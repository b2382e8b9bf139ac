"""Our codec against the ordinary ones at a byte cap: dB gained, bytes saved, and faces on which it is worse."""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from grain_codec.benchmarks.tables.rows import CAP, CURVE, Row, Series
from grain_codec.benchmarks.tables.summary import PSNR, Results, is_ours


@dataclass(frozen=True)
class CapComparison:
    """Our codec against the ordinary ones at one cap."""

    cap: int  # The cap in bytes.
    lead: Series  # Our series.
    rival: Series  # The ordinary one with the highest mean PSNR among those that fit most faces.
    gain: float  # DB that `lead` is above `rival`, mean over the faces that both fit.
    gains: dict[str, float]  # Each face's gain over the best of all ordinary codecs on that face, in dB.
    missed: tuple[str, ...]  # Faces that an ordinary codec fits in the cap and ours does not.
    bytes: float  # Mean of our files.
    # Bytes that an ordinary codec needs for our mean PSNR; None if none was seen to reach it.
    rival_bytes: float | None

    @property
    def worse(self) -> int:
        """The number of faces on which an ordinary codec is nearer than ours, or has a file where ours has none."""
        return sum(gain < 0 for gain in self.gains.values()) + len(self.missed)

    @property
    def faces(self) -> int:
        """The number of faces on which there is anything to compare."""
        return len(self.gains) + len(self.missed)

    @property
    def saving(self) -> float | None:
        """Share of the rival's bytes that ours does without, at equal mean PSNR."""
        return None if self.rival_bytes is None else 1 - self.bytes / self.rival_bytes


def leads_of(results: Results) -> list[Series]:
    """The series that the headline speaks of: all that our first model draws at its least effort, `fused` first."""
    ours = [series for series in results.series if is_ours(series)]
    first = min(ours, key=lambda series: series.effort or 0, default=None)
    leads = [series for series in ours if first and (series.codec, series.effort) == (first.codec, first.effort)]
    return sorted(leads, key=lambda series: series.output != "fused")


def compare_at_cap(results: Results, cap: int, lead: Series) -> CapComparison | None:
    """One of ours against the ordinary codecs at a cap; None where one of the two is missing."""
    mine = results.at_cap(cap, lead)
    others = {series: results.at_cap(cap, series) for series in results.series if not is_ours(series)}
    shared = {series: [name for name in found if name in mine] for series, found in others.items()}
    rivals = [series for series, names in shared.items() if names]
    if not rivals:
        return None
    rival = max(rivals, key=lambda series: (len(shared[series]), _mean_psnr(others[series], shared[series])))
    best: dict[str, float] = {}
    for found in others.values():
        for name, row in found.items():
            best[name] = max(_psnr(row), best.get(name, -math.inf))
    reached = [size for series in others if (size := bytes_for(results, series, _mean_psnr(mine, mine))) is not None]
    return CapComparison(
        cap=cap,
        lead=lead,
        rival=rival,
        gain=_difference(_mean_psnr(mine, shared[rival]), _mean_psnr(others[rival], shared[rival])),
        gains={name: _difference(_psnr(mine[name]), psnr) for name, psnr in best.items() if name in mine},
        missed=tuple(name for name in best if name not in mine and name in results.tried(cap, lead)),
        bytes=statistics.fmean(row.bytes or 0 for row in mine.values()),
        rival_bytes=min(reached, default=None),
    )


def compare_at_caps(results: Results) -> dict[int, list[CapComparison]]:
    """By cap the comparisons of all leads; caps that allow none are left out."""
    leads = leads_of(results)
    compared = {cap: [compare_at_cap(results, cap, lead) for lead in leads] for cap in results.caps}
    found = {cap: [comparison for comparison in members if comparison] for cap, members in compared.items()}
    return {cap: members for cap, members in found.items() if members}


def bytes_for(results: Results, series: Series, value: float) -> float | None:
    """Mean bytes at which a series reaches a mean PSNR, between its points (linear over the logarithm of bytes).

    Returns:
        The fewest over caps and quality levels, or None where neither reaches the PSNR.
    """
    found = []
    for kind in (CAP, CURVE):
        points = results.curve(series, PSNR, kind)
        for lower, upper in pairwise(points):
            if lower.values.mean < value <= upper.values.mean:
                share = (value - lower.values.mean) / (upper.values.mean - lower.values.mean)
                found.append(math.exp(math.log(lower.bytes) * (1 - share) + math.log(upper.bytes) * share))
                break
    return min(found, default=None)


def worst_images(results: Results, cap: int, count: int) -> list[str]:
    """The faces on which our codec does worst at a cap, by the first of its leads.

    Args:
        count: how many by each of three measures: the lowest PSNR, the farthest identity, and the least gain over the
            ordinary codecs.

    Returns:
        Names in that order, each once.
    """
    lead = next(iter(leads_of(results)), None)
    comparison = compare_at_cap(results, cap, lead) if lead else None
    mine = results.at_cap(cap, lead) if lead else {}
    measures = (
        {name: _psnr(row) for name, row in mine.items()},
        {name: -row.identity for name, row in mine.items() if row.identity is not None},
        comparison.gains if comparison else {},
    )
    worst = [sorted(measure, key=measure.__getitem__)[:count] for measure in measures]
    return list(dict.fromkeys(name for names in worst for name in names))


def _psnr(row: Row) -> float:
    """The PSNR of a row that has a file: every run measures it."""
    return math.nan if row.psnr is None else row.psnr


def _mean_psnr(rows: dict[str, Row], names: Iterable[str]) -> float:
    return statistics.fmean(_psnr(rows[name]) for name in names)


def _difference(one: float, other: float) -> float:
    """`one - other`; two pictures that are both exact, and so infinitely near, differ by nothing."""
    return 0.0 if one == other else one - other
