"""`report.html`: a benchmark's rows as one page that needs no network, no server and no script to be read."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from grain_codec.benchmarks.report.chart import COLOURS, inline_svg, resource
from grain_codec.benchmarks.report.figures import gain_chart, rate_chart, rate_lines, spread_chart
from grain_codec.benchmarks.report.pictures import FacePictures, face_pictures
from grain_codec.benchmarks.report.tables import best_texts, distance_texts, mean_text, median_text, signed
from grain_codec.benchmarks.tables.anchor_comparison import AnchorComparison, compare_with_anchor
from grain_codec.benchmarks.tables.cap_comparison import CapComparison, compare_at_caps, leads_of, worst_images
from grain_codec.benchmarks.tables.rows import Row
from grain_codec.benchmarks.tables.summary import IDENTITY, LPIPS, METRICS, PSNR, Results, is_ours, name_of, spread_of
from grain_codec.errors import GrainError
from grain_codec.whole_files import write_whole

WORST_BY_EACH = 2  # So many faces count as the worst by PSNR, by identity and by gain each.

SECTIONS = {
    "pictures": "The faces",
    "rate": "Distance over bytes",
    "caps": "At the caps",
    "curves": "At equal quality and equal bytes",
    "faces": "Face by face",
    "repeat": "Repeat it",
}
"""Titles by the name of the template and of the data in it; a section without data is left out."""


def write_report(
    rows: Sequence[Row],
    environment: Mapping[str, object],
    folder: Path,
    pictures: Mapping[str, Mapping[str, bytes]] | None = None,
    comparisons: Sequence[AnchorComparison] | None = None,
) -> Path:
    """Writes `report.html`.

    Args:
        rows: the rows of a benchmark.
        environment: what it was measured with; versions, machine, commit, models, settings, command, caps, date,
            metrics and warnings are shown under these names, whatever they hold.
        folder: an existing folder.
        pictures: WebP bytes by face and by "original", "LR image" or a series' label, all at
            `environment["picture_cap"]`, or else at the middle cap.
        comparisons: BD-rates; without them they are taken against the best ordinary codec at the largest cap.

    Returns:
        The path of the page.

    Raises:
        GrainError: there are no rows.
    """
    if not rows:
        raise GrainError("report.html: there are no rows to report")
    results = Results(rows)
    cap_comparisons = compare_at_caps(results)
    if comparisons is None:
        at_largest_cap = next(reversed(cap_comparisons.values()), [])
        comparisons = compare_with_anchor(results, at_largest_cap[0].rival.codec) if at_largest_cap else ()
    shown_cap = _shown_cap(results, environment)
    content = {
        "rate": {metric: chart for metric in (PSNR, LPIPS, IDENTITY) if (chart := rate_chart(results, metric))},
        "caps": results.caps,
        "curves": comparisons if any(each.rate.delta or each.psnr.delta for each in comparisons) else (),
        "faces": cap_comparisons,
        "pictures": _picture_groups(results, pictures or {}, cap_comparisons.get(shown_cap or 0, [])),
        "repeat": True,
    }
    page = _template().render(
        content,
        sections={name: title for name, title in SECTIONS.items() if content[name]},
        results=results,
        metrics=[metric for metric in METRICS if results.measured(metric)],
        leads=leads_of(results),
        shown_cap=shown_cap,
        environment=environment,
        style=Markup(_colour_rules() + resource("report.css")),
        script=Markup(resource("report.js")),
    )
    path = folder / "report.html"
    write_whole(str(path), page.encode(), force=True)
    return path


@cache
def _template() -> Template:
    """The page's template, in which all values are escaped but those that are markup already."""
    templates = Environment(
        loader=PackageLoader("grain_codec.benchmarks.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"name": name_of, "signed": signed, "svg": inline_svg, "digest": _digest}
    templates.tests["ours"] = is_ours
    functions = (rate_lines, spread_chart, gain_chart, best_texts, distance_texts, mean_text, median_text, spread_of)
    templates.globals |= {function.__name__: function for function in functions}
    templates.globals["PSNR"] = PSNR
    return templates.get_template("report.html.j2")


def _colour_rules() -> str:
    """The colours as variables of the style sheet."""
    light, dark = ("".join(f"--{name}: {pair[at]}; " for name, pair in COLOURS.items()) for at in (0, 1))
    return f":root {{ {light}}}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark}}} }}\n"


def _digest(text: str) -> str:
    """The hash by which a content security policy names a style or a script with this text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _shown_cap(results: Results, environment: Mapping[str, object]) -> int | None:
    """The cap of the pictures, which is unfolded first."""
    caps = results.caps
    wanted = environment.get("picture_cap")
    return wanted if isinstance(wanted, int) and wanted in caps else caps[len(caps) // 2] if caps else None


def _picture_groups(
    results: Results, pictures: Mapping[str, Mapping[str, bytes]], comparisons: Sequence[CapComparison]
) -> dict[str, list[FacePictures]]:
    """The worst faces, then the chosen ones; none where there are no pictures, or nothing to compare at their cap."""
    if not comparisons:
        return {}
    faces = {name: face_pictures(name, shown, results, comparisons) for name, shown in pictures.items()}
    worst = [name for name in worst_images(results, comparisons[0].cap, WORST_BY_EACH) if name in faces]
    groups = {
        "The worst faces": [faces[name] for name in worst],
        "Chosen faces": [face for name, face in faces.items() if name not in worst],
    }
    return {title: members for title, members in groups.items() if members}
