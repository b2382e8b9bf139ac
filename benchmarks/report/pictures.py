"""The faces themselves in the report: each of ours and an ordinary codec's under a slider, and the original."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grain_codec.benchmarks.tables.cap_comparison import CapComparison
from grain_codec.benchmarks.tables.rows import Row
from grain_codec.benchmarks.tables.summary import IDENTITY, LPIPS, PSNR, Results, is_ours, name_of

ORIGINAL, LR_IMAGE = "original", "LR image"
"""The keys of the pictures that no codec drew: the face, and the LR image of our file enlarged."""


@dataclass(frozen=True)
class Picture:
    """A picture as a data URL, the codec or what else it is, and its figures in words."""

    source: str
    title: str
    figures: str = ""


@dataclass(frozen=True)
class FacePictures:
    """All pictures of one face; each of `pairs` compares one of ours with an ordinary one, and may lack either."""

    name: str
    original: Picture | None
    pairs: Sequence[Sequence[Picture]]
    lr_image: Picture | None
    others: Sequence[Picture]


def face_pictures(
    name: str, shown: Mapping[str, bytes], results: Results, comparisons: Sequence[CapComparison]
) -> FacePictures:
    """The pictures of a face.

    Args:
        name: the face's name.
        shown: WebP bytes by "original", "LR image" or a series' label, all at the cap of `comparisons`.
        comparisons: those of all leads at one cap.
    """
    cap = comparisons[0].cap
    made = {
        series: _picture(shown, series.label, name_of(series), f": {_figures(row)}")
        for series in results.series
        if series.label in shown and (row := results.at_cap(cap, series).get(name))
    }
    ordinary = [series for series in made if not is_ours(series)]
    # The rival of the headline may have no file of this face.
    instead = next(iter(ordinary), None)
    compared = [(each.lead, each.rival if each.rival in ordinary else instead) for each in comparisons]
    pairs = [[picture for series in pair if series and (picture := made.get(series))] for pair in compared]
    shown_already = {series for pair in compared for series in pair}
    lead = results.at_cap(cap, comparisons[0].lead).get(name)
    distance = f", {lead.lr_psnr:.2f} dB against the thumbnail" if lead and lead.lr_psnr is not None else ""
    return FacePictures(
        name,
        original=_picture(shown, ORIGINAL, ORIGINAL),
        pairs=[pair for pair in pairs if pair],
        lr_image=_picture(shown, LR_IMAGE, LR_IMAGE, f", 16x16{distance}: what the file holds for certain"),
        others=[picture for series, picture in made.items() if picture and series not in shown_already],
    )


def _picture(shown: Mapping[str, bytes], label: str, title: str, figures: str = "") -> Picture | None:
    if label not in shown:
        return None
    return Picture("data:image/webp;base64," + base64.b64encode(shown[label]).decode(), title, figures)


def _figures(row: Row) -> str:
    """Bytes and distances of one decoded face."""
    parts = [f"{row.bytes} bytes"]
    for metric, title in ((PSNR, ""), (LPIPS, "LPIPS "), (IDENTITY, "identity ")):
        value = getattr(row, metric.column)
        if value is not None:
            parts.append(f"{title}{metric.text(value)}{metric.unit}")
    return ", ".join(parts)
