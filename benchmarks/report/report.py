"""`report.html`: a benchmark's rows as one page that needs no network, no server and no script to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from grain_codec.benchmarks.report.charts import gain_chart, rate_chart, spread_chart
from grain_codec.benchmarks.report.figure import Figure
from grain_codec.benchmarks.report.markup import Markup, joined, tag
from grain_codec.benchmarks.report.page import details, page, paragraph, section
from grain_codec.benchmarks.report.pictures import picture_sections
from grain_codec.benchmarks.report.svg import svg
from grain_codec.benchmarks.report.tables import (
    NOT_MEASURED,
    caps_table,
    comparison_table,
    faces_table,
    rate_table,
    signed,
)
from grain_codec.benchmarks.tables.comparison import Comparison, compare
from grain_codec.benchmarks.tables.contest import Contest, contests_of, lead_of, worst_images
from grain_codec.benchmarks.tables.results_table import Row, Series
from grain_codec.benchmarks.tables.summary import IDENTITY, LPIPS, PSNR, Metric, Results, name_of

from grain_codec.errors import GrainError

WORST_BY_EACH = 2
"""How many faces count as the worst by PSNR, by identity and by gain each."""

WARNINGS_SHOWN = 3
"""How many warnings are read before the figures; more can be unfolded."""

LONGEST_LIST = 12
"""How many names and values of a record stand open in the page."""


def write_report(
    rows: Sequence[Row],
    environment: Mapping[str, object],
    folder: Path,
    pictures: Mapping[str, Mapping[str, bytes]] | None = None,
    comparisons: Sequence[Comparison] | None = None,
) -> Path:
    """Writes `report.html`.

    Args:
        rows: of a benchmark.
        environment: what it was measured with; versions, machine, commit, models, settings, command, caps, date,
            metrics and warnings are shown under these names, whatever they hold.
        folder: that exists.
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
    contests = contests_of(results)
    if comparisons is None:
        comparisons = compare(rows, contests[-1].rival.codec) if contests else ()
    shown = _shown_cap(results, environment)
    parts = {
        "rate": ("Distance over bytes", _rate(results)),
        "caps": ("At the caps", _caps(results)),
        "curves": ("At equal quality and equal bytes", _curves(comparisons)),
        "faces": ("Face by face", _faces(results, contests, shown)),
        "pictures": ("The faces", _pictures(results, pictures or {}, contests, shown)),
        "repeat": ("Repeat it", _repeat(environment)),
    }
    present = {identifier: part for identifier, part in parts.items() if part[1]}
    title = _title(results)
    header = _header(title, results, contests, environment, {key: name for key, (name, _) in present.items()})
    main = tag("main", *(section(identifier, *part) for identifier, part in present.items()))
    path = folder / "report.html"
    path.write_text(page(title, header, main), encoding="utf-8")
    return path


def _title(results: Results) -> str:
    lead = lead_of(results)
    return f"{name_of(lead)}: bytes and distances" if lead else "Bytes and distances"


def _header(
    title: str,
    results: Results,
    contests: Sequence[Contest],
    environment: Mapping[str, object],
    parts: Mapping[str, str],
) -> Markup:
    """The first screen: what was measured, the headline figures, warnings, and the way to the parts."""
    links = (tag("li", tag("a", name, href=f"#{identifier}")) for identifier, name in parts.items())
    return tag(
        "header",
        tag("h1", title),
        paragraph(_subtitle(results, environment), class_="muted"),
        _headline(results, contests),
        _warnings(environment.get("warnings")),
        tag("nav", tag("ul", *links), aria_label="Parts of the report"),
    )


def _shown_cap(results: Results, environment: Mapping[str, object]) -> int | None:
    """The cap of the pictures, which is unfolded first."""
    caps = results.caps
    wanted = environment.get("picture_cap")
    return wanted if isinstance(wanted, int) and wanted in caps else caps[len(caps) // 2] if caps else None


def _subtitle(results: Results, environment: Mapping[str, object]) -> str:
    faces = len(results.images)
    parts = [f"{faces} face{'s' if faces != 1 else ''}"]
    parts += [str(environment["date"])[: len("2026-01-02")]] if environment.get("date") else []
    parts += [f"commit {environment['commit']}"] if environment.get("commit") else []
    return ", ".join(parts) + ". Sizes are those of whole files; distances are between pictures at full size."


def _warnings(warnings: object) -> Markup | None:
    if not warnings:
        return None
    found = warnings if isinstance(warnings, (list, tuple)) else [warnings]
    first, rest = found[:WARNINGS_SHOWN], found[WARNINGS_SHOWN:]
    more = details(f"{len(rest)} more", _list(rest)) if rest else None
    return tag("div", tag("strong", "Read this first"), _list(first), more, class_="warnings", role="note")


def _list(items: Sequence[object]) -> Markup:
    return tag("ul", *(tag("li", item) for item in items))


def _headline(results: Results, contests: Sequence[Contest]) -> Markup:
    """One card a cap: dB over the best ordinary codec, bytes saved at equal PSNR, faces on which it is worse."""
    lead = lead_of(results)
    by_cap = {contest.cap: contest for contest in contests}
    caps = [cap for cap in results.caps if lead and results.tried(cap, lead)]
    if not caps:
        return paragraph("None of our models was measured at a cap, so there is no headline.")
    made = [_card(by_cap[cap]) if cap in by_cap else _lone_card(results, cap, lead) for cap in caps]
    cards = tag("ul", *made, class_="cards")
    note = (
        f"{name_of(lead)} against the best ordinary codec at each cap: the mean gain in PSNR; the bytes that it "
        "saves at equal mean PSNR; the faces on which any ordinary codec is nearer."
    )
    return joined(paragraph(note, class_="lead"), cards)


def _card(contest: Contest) -> Markup:
    gain = signed(f"{contest.gain:+.2f}")
    saving = "bytes saved: n/a"
    if contest.saving is not None:
        difference = contest.rival_bytes - contest.bytes
        change = "saved" if difference >= 0 else "more"
        saving = f"{abs(difference):.0f} bytes {change} ({abs(contest.saving):.0%})"
    return tag(
        "li",
        tag("span", f"{contest.cap} bytes", class_="cap"),
        tag("strong", f"{gain} dB", class_="bad" if contest.gain < 0 else None),
        tag("span", f"over {name_of(contest.rival)}"),
        tag("span", saving),
        tag("span", f"worse on {contest.worse} of {contest.faces}", class_="bad" if contest.worse else None),
    )


def _lone_card(results: Results, cap: int, lead: Series) -> Markup:
    """A cap at which there is no other to compare with, or nothing of ours."""
    fitting, faces = len(results.at_cap(cap, lead)), len(results.tried(cap, lead))
    return tag(
        "li",
        tag("span", f"{cap} bytes", class_="cap"),
        tag("strong", "no other fits" if fitting else "none fits", class_=None if fitting else "bad"),
        tag("span", f"{name_of(lead)} fits {fitting} of {faces}"),
    )


def _rate(results: Results) -> Markup | None:
    figures = [_rate_figure(results, metric) for metric in (PSNR, LPIPS, IDENTITY)]
    if not any(figures):
        return None
    note = (
        "Means over all faces; a size at which a codec does not fit every face is not drawn. Dots are quality levels, "
        "rings the caps. Dashed: one face in twenty is worse than this."
    )
    return joined(paragraph(note), tag("div", *figures, class_="grid"))


def _rate_figure(results: Results, metric: Metric) -> Markup | None:
    figure = rate_chart(results, metric)
    if figure is None:
        return None
    return tag(
        "figure", svg(figure, f"rate-{metric.column}"), details("Values of this plot", rate_table(results, metric))
    )


def _caps(results: Results) -> Markup | None:
    if not results.caps:
        return None
    note = "Underlined: the best mean among the codecs in which every face fits. Our models are in bold type."
    return joined(paragraph(note), caps_table(results))


def _curves(comparisons: Sequence[Comparison]) -> Markup | None:
    if not comparisons:
        return None
    note = (
        "BD-rate: the mean difference in bytes at equal PSNR, where less is a saving; BD-PSNR: the mean difference in "
        "PSNR at equal bytes. Both are means over the range that both curves reach, which stands beside them; n/a "
        "where there is none. At equal bytes: dB above the anchor's curve at the bytes of the codec's own files "
        "(in brackets on how many faces, where that is not all)."
    )
    return joined(paragraph(note), comparison_table(comparisons))


def _faces(results: Results, contests: Sequence[Contest], shown: int | None) -> Markup | None:
    """The spread over the faces and the gain on each, a cap at a time."""
    blocks = []
    for contest in contests:
        figures = [_titled(gain_chart(contest), f"gain-{contest.cap}")]
        if spread := spread_chart(results, contest.cap):
            figures.insert(0, _titled(spread, f"spread-{contest.cap}"))
        table = details(f"Every face at {contest.cap} bytes", faces_table(results, contest))
        blocks.append(
            details(
                f"At most {contest.cap} bytes", tag("div", *figures, class_="grid"), table, opened=contest.cap == shown
            )
        )
    if not blocks:
        return None
    note = "A ring is a face; the thick stroke is the mean, the thin one (in brackets) the 5th percentile."
    return joined(paragraph(note), *blocks)


def _titled(figure: Figure, identifier: str) -> Markup:
    return tag("figure", tag("figcaption", figure.title), svg(figure, identifier))


def _pictures(
    results: Results, pictures: Mapping[str, Mapping[str, bytes]], contests: Sequence[Contest], shown: int | None
) -> Markup | None:
    contest = next((contest for contest in contests if contest.cap == shown), None)
    if not pictures or contest is None:
        return None
    note = (
        f"Files of at most {contest.cap} bytes. Move the slider, or use the arrow keys on it, to lay one codec's "
        "picture over the other's."
    )
    return joined(
        paragraph(note), picture_sections(results, pictures, contest, worst_images(results, shown, WORST_BY_EACH))
    )


def _repeat(environment: Mapping[str, object]) -> Markup:
    command = environment.get("command")
    rest = {key: value for key, value in environment.items() if key not in ("command", "warnings")}
    how = None
    if command:
        text = command if isinstance(command, str) else " ".join(map(str, command))
        told = "Install the versions below, take faces of yours aligned as FFHQ's are, and run"
        how = joined(paragraph(told), tag("pre", tag("code", text)))
    return joined(how, tag("h3", "Measured with"), _definitions(rest))


def _definitions(values: Mapping[str, object]) -> Markup:
    """Names and values, to any depth."""
    pairs = [part for key, value in values.items() for part in (tag("dt", key), tag("dd", _definition(value)))]
    return tag("dl", *pairs)


def _definition(value: object) -> object:
    if isinstance(value, Mapping):
        shown = _definitions(value)
        return shown if len(value) <= LONGEST_LIST else details(f"{len(value)} of them", shown)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return NOT_MEASURED if value is None else value
