"""grain-bench: a report in a folder, redrawn without encoding, and clear ends for whatever is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from grain_codec.benchmarks import packages
from grain_codec.benchmarks.metrics.metric_set import METRICS
from grain_codec.benchmarks.report import requirements
from grain_codec.benchmarks.runs.plan import CODECS, DEFAULT_CAPS, QUICK_FACES
from grain_codec.benchmarks.tables.rows import read_rows
from grain_codec.cli.bench import main
from grain_codec.errors import install_command

Bench = Callable[..., Result]
FAST = ("--codec", "webp", "--codec", "bicubic16", "--metric", "psnr", "--quick", "-j", "1")
PRODUCTS = {"images.tsv", "environment.json", "bdrate.tsv", "report.html", "plot.png", "pictures", "curves"}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture
def folder(tmp_path: Path, face: np.ndarray) -> Path:
    """A face, its mirror image, and a file that only claims to be a picture."""
    folder = tmp_path / "faces"
    folder.mkdir()
    Image.fromarray(face).save(folder / "left.png", compress_level=1)
    Image.fromarray(face[:, ::-1]).save(folder / "right.png", compress_level=1)
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, face: np.ndarray) -> Path:
    """The report of a run with our model, on one face."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "faces").mkdir()
    Image.fromarray(face).save(folder / "faces" / "anna.png", compress_level=1)
    arguments = ["--codec", "webp", "--codec", "face-1024", "--quick", "-j", "1", "--max-bytes", "300"]
    arguments += ["--metric", "ms-ssim", "--metric", "lr-psnr"]
    ended = CliRunner().invoke(main, [str(folder / "faces"), "-o", str(folder / "report"), *arguments])
    assert ended.exit_code == 0, ended.output
    assert "BD-rate" in ended.stdout
    return folder / "report"


def test_a_run_leaves_a_report(finished: Path) -> None:
    assert {path.name for path in finished.iterdir()} == PRODUCTS
    rows = read_rows(finished / "images.tsv")
    ours = next(row for row in rows if row.codec == "face-1024" and row.kind == "cap")
    assert ours.bytes <= 300 and ours.psnr > 20 and ours.lr_psnr > 27 and ours.ms_ssim > 0.5
    environment = json.loads((finished / "environment.json").read_text())
    assert "Quick run" in environment["warnings"][0] and environment["caps"] == [300]
    assert {path.name for path in (finished / "curves").iterdir()} >= {"webp.json"}
    assert b"anna.png" in (finished / "report.html").read_bytes()


def test_a_run_without_curves(bench: Bench, folder: Path) -> None:
    ended = bench(folder, "-o", "caps", *FAST, "--no-curves", "--max-bytes", "300")
    assert ended.exit_code == 0, ended.output
    rows = read_rows(Path("caps/images.tsv"))
    assert {row.kind for row in rows} == {"cap"} and {row.codec for row in rows} == {"webp", "bicubic16"}
    assert Path("caps/report.html").exists()


def test_a_report_is_redrawn_from_its_table(bench: Bench, finished: Path, tmp_path: Path) -> None:
    ended = bench("--from", finished / "images.tsv", "-o", "again")
    assert ended.exit_code == 0, ended.output
    for name in ("images.tsv", "environment.json", "bdrate.tsv", "report.html", "plot.png"):
        assert (tmp_path / "again" / name).read_bytes() == (finished / name).read_bytes(), name


def test_a_table_alone_is_enough(bench: Bench, finished: Path, tmp_path: Path) -> None:
    shutil.copy(finished / "images.tsv", tmp_path / "lonely.tsv")
    assert bench("--from", "lonely.tsv", "-o", "again", "--anchor", "face-1024").exit_code == 0
    assert (tmp_path / "again" / "report.html").exists()


def test_without_the_packages_of_the_report_there_are_the_tables(
    bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requirements, "PACKAGES", ("matplotlib", "no_such_package"))
    sentence = f"report.html and plot.png need no_such_package: {install_command('bench')}"
    ended = bench(folder, "-o", "report", *FAST, "--max-bytes", "500")
    assert ended.exit_code == 0 and ended.stderr.startswith(f"grain-bench: {sentence}; only the tables are written\n")
    assert {path.name for path in Path("report").iterdir()} == PRODUCTS - {"report.html", "plot.png"}
    assert "BD-rate" in ended.stdout and "report.html" not in ended.stdout
    ended = bench("--from", "report/images.tsv", "-o", "again")
    assert ended.exit_code == 1 and sentence in ended.stderr and Path("again/bdrate.tsv").exists()


def test_a_killed_run_goes_on(bench: Bench, folder: Path, tmp_path: Path) -> None:
    options = (*FAST, "--max-bytes", "800")
    assert bench(folder, "-o", "report", *options).exit_code == 0
    table = tmp_path / "report" / "images.tsv"
    whole = read_rows(table)
    table.write_bytes(table.read_bytes()[: len(table.read_bytes()) // 2])
    seconds = {row.key: row.encode_seconds for row in read_rows(table) if row.image == "left.png"}
    ended = bench(folder, "-o", "report", *options)
    assert ended.exit_code == 0 and [row.key for row in read_rows(table)] == [row.key for row in whole]
    kept = {row.key: row.encode_seconds for row in read_rows(table)}
    assert any(kept[key] == value for key, value in seconds.items() if value)


def test_rows_of_other_settings_are_not_mixed(bench: Bench, folder: Path) -> None:
    (folder / "right.png").unlink()
    assert bench(folder, "-o", "report", *FAST, "--max-bytes", "500").exit_code == 0
    ended = bench(folder, "-o", "report", *FAST, "--max-bytes", "600")
    assert ended.exit_code == 1 and "other caps" in ended.stderr and "--force" in ended.stderr
    assert bench(folder, "-o", "report", *FAST, "--max-bytes", "600", "--force").exit_code == 0


def test_bad_pictures_are_named_and_left_out(bench: Bench, folder: Path, tmp_path: Path) -> None:
    Image.new("RGB", (600, 600)).save(folder / "little.png")
    ended = bench(folder, "-o", "report", *FAST, "--max-bytes", "500")
    assert ended.exit_code == 0
    assert "grain-bench: torn.jpg: " in ended.stderr and "grain-bench: little.png: 600 pixels" in ended.stderr
    assert {row.image for row in read_rows(tmp_path / "report" / "images.tsv")} == {"left.png", "right.png"}
    warnings = json.loads((tmp_path / "report" / "environment.json").read_text())["warnings"]
    assert any("torn.jpg" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("faces", "-o", "report", "--codec", "gif"), "unknown codec 'gif'"),
        (("faces", "-o", "report", "--metric", "vmaf"), "unknown metric 'vmaf'"),
        (("faces", "-o", "report", "--metric", "lpips"), "--lpips-weights"),
        (("faces", "-o", "report", "--model", "grain-2099"), "no model 'grain-2099'"),
        (("faces", "-o", "report", "--anchor", "gif"), "the anchor 'gif' is not measured"),
        (("faces", "-o", "report", "--codec", "avif"), "the anchor 'webp' is not measured"),
        (("faces", "-o", "report", "--codec", "webp", "--lpips-weights", "faces/torn.jpg"), "torn.jpg: not a readable"),
        (("empty", "-o", "report"), "empty: no face of 1024 pixels a side"),
        (("--from", "faces/left.png", "-o", "report"), "left.png: no results table"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    bench: Bench, folder: Path, tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    (tmp_path / "empty").mkdir()
    ended = bench(*arguments)
    assert ended.exit_code == 1
    assert ended.stderr.startswith("grain-bench: ") and reason in ended.stderr
    assert "Traceback" not in ended.output


@pytest.mark.parametrize(
    "arguments",
    [("-o", "report"), ("faces",), ("faces", "-o", "report", "--from", "faces/left.png"), ("missing", "-o", "report")],
)
def test_wrong_usage(bench: Bench, folder: Path, arguments: tuple[str, ...]) -> None:
    assert bench(*arguments).exit_code == 2


def test_a_missing_package_is_told_with_its_command(
    bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    ended = bench(folder, "-o", "report", "--codec", "blurhash", "--codec", "webp")
    assert ended.exit_code == 1 and install_command("bench") in ended.stderr


def test_help_tells_of_all_codecs_metrics_and_defaults(bench: Bench) -> None:
    text = " ".join(bench("--help").stdout.split())
    assert ", ".join(map(str, DEFAULT_CAPS)) in text and ", ".join(CODECS) in text
    assert all(name.replace("_", "-") in text for name in METRICS)
    assert QUICK_FACES == 4 and "Four faces" in text
