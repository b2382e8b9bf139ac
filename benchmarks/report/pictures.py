"""The faces themselves in the report: two codecs at equal bytes under a slider, beside the original."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from grain_codec.benchmarks.report.markup import Markup, joined, tag
from grain_codec.benchmarks.report.page import details, paragraph
from grain_codec.benchmarks.tables.contest import Contest
from grain_codec.benchmarks.tables.results_table import Row, Series
from grain_codec.benchmarks.tables.summary import IDENTITY, LPIPS, PSNR, Results, is_ours, name_of

ORIGINAL, LR_IMAGE = "original", "LR image"
"""The keys of the pictures that no codec drew: the face, and the LR image of our file enlarged."""


def comparisons(results: Results, pictures: Mapping[str, Mapping[str, bytes]], contest: Contest) -> list[Markup]:
    """One block a face, in the order of `pictures`: original, slider, figures, and the other codecs folded away.

    Args:
        pictures: WebP bytes by face and by "original", "LR image" or a series' label, all at the cap of `contest`.
    """
    found = {series: results.at_cap(contest.cap, series) for series in results.series}
    return [_face(name, shown, found, contest, f"face-{index}") for index, (name, shown) in enumerate(pictures.items())]


def _face(
    name: str,
    shown: Mapping[str, bytes],
    found: Mapping[Series, Mapping[str, Row]],
    contest: Contest,
    identifier: str,
) -> Markup:
    captions = {
        series: joined(tag("strong", name_of(series)), ": ", _figures(members[name]))
        for series, members in found.items()
        if name in members and series.label in shown
    }
    pair = [series for series in (contest.lead, _rival(captions, contest)) if series in captions]
    stages = [_picture(shown[series.label], captions[series], f"{name}, {name_of(series)}") for series in pair]
    original = _picture(shown.get(ORIGINAL), tag("strong", "original"), f"{name}, original")
    lead = found[contest.lead].get(name)
    told = joined(tag("strong", "LR image"), ", 16x16", _lr_distance(lead), ": what the file holds for certain")
    low_resolution = _picture(shown.get(LR_IMAGE), told, f"{name}, LR image")
    others = [
        _picture(shown[series.label], caption, f"{name}, {name_of(series)}")
        for series, caption in captions.items()
        if series not in pair
    ]
    return tag(
        "article",
        tag("h4", name, id=identifier),
        tag("div", original, _comparison(stages, pair, name), low_resolution, class_="pictures"),
        details("The other codecs on this face", tag("div", *others, class_="pictures")) if others else None,
        class_="face",
        aria_labelledby=identifier,
    )


def _rival(captions: Mapping[Series, Markup], contest: Contest) -> Series | None:
    """The ordinary codec to compare with: the rival of the headline, or else the first that has a picture."""
    ordinary = [series for series in captions if not is_ours(series)]
    return contest.rival if contest.rival in ordinary else next(iter(ordinary), None)


def _comparison(stages: Sequence[Markup], pair: Sequence[Series], name: str) -> Markup | None:
    """Two pictures side by side, which the script lays upon each other under a slider."""
    if len(stages) < 2:
        return joined(*stages) if stages else None
    left, right = map(name_of, pair)
    label = tag("span", f"{name}: {left} to the left of the line, {right} to the right", class_="visually-hidden")
    slider = tag("label", label, tag("input", type="range", min=0, max=100, value=50), class_="slider")
    return tag("div", *stages, slider, class_="comparison")


def _picture(data: bytes | None, caption: Markup, alternative: str) -> Markup | None:
    if data is None:
        return None
    source = "data:image/webp;base64," + base64.b64encode(data).decode()
    image = tag("img", src=source, alt=alternative)
    return tag("figure", image, tag("figcaption", caption), class_="picture")


def _figures(row: Row) -> str:
    """Bytes and distances of one decoded face."""
    parts = [f"{row.bytes} bytes"]
    for metric, title in ((PSNR, ""), (LPIPS, "LPIPS "), (IDENTITY, "identity ")):
        value = getattr(row, metric.column)
        if value is not None:
            parts.append(f"{title}{metric.text(value)}{metric.unit}")
    return ", ".join(parts)


def _lr_distance(row: Row | None) -> str:
    """How near the LR image is to the face's thumbnail, where that was measured."""
    return f", {row.lr_psnr:.2f} dB against the thumbnail" if row and row.lr_psnr is not None else ""


def picture_sections(
    results: Results, pictures: Mapping[str, Mapping[str, bytes]], contest: Contest, worst: Sequence[str]
) -> Markup:
    """The worst faces first, then the chosen ones."""
    failures = {name: pictures[name] for name in worst if name in pictures}
    chosen = {name: shown for name, shown in pictures.items() if name not in failures}
    blocks = comparisons(results, failures | chosen, contest)
    parts: list[Markup] = []
    if failures:
        note = (
            "Those with the lowest PSNR, those farthest from the original's identity, and those on which least is "
            "gained over the ordinary codecs."
        )
        parts += [tag("h3", "The worst faces"), paragraph(note), *blocks[: len(failures)]]
    if chosen:
        parts += [tag("h3", "Chosen faces"), *blocks[len(failures) :]]
    return joined(*parts)
