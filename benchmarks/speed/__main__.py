"""How long decoding takes, stage by stage, against other ways to draw the same and against ordinary codecs; encoding.

On a CPU there is a row for each number of threads, by which a family's `most_threads` is chosen.

    python -m grain_codec.benchmarks.speed --device cuda --output speed

prints a table and writes speed.tsv and speed.md. Times are medians after a warm-up, with the quartiles beside
them, in milliseconds for one face. On a machine that does other work too, processor time tells more: that of
this process with all its threads, not of its workers.
"""

import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from grain_codec.benchmarks.speed import decoding
from grain_codec.benchmarks.speed.encoding import encoding_rows, photograph_rows
from grain_codec.benchmarks.speed.operations import operation_rows
from grain_codec.benchmarks.speed.timing import COLUMNS, Row, Stopwatch, machine, markdown, peak_memory
from grain_codec.codec import Pixels, load_model
from grain_codec.formats.images.reading import read_face
from grain_codec.ops.kernels import reason_unavailable
from grain_codec.runtime.cores import available_cores

MOST_PUBLISHED = 8  # Faces at once for the published networks.


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
@click.option("-m", "--model", default="face-1024", show_default=True, help="Name or weights file.")
@click.option("--batches", default="1,8,64", show_default=True, help="Batch sizes.")
@click.option("--seconds", default=2.0, show_default=True, help="How long each measurement goes on.")
@click.option("--files", default=64, show_default=True, help="Files of the folder jobs; 0 leaves them out.")
@click.option("--workers", default=available_cores(), help="Their worker processes.  [default: one a core]")
@click.option("--encoding/--no-encoding", default=True, help="Measure encoding; on a CPU at batch 1.  [default: yes]")
@click.option("--compile/--no-compile", "compiled", default=None, help="Measure torch.compile.  [default: on a GPU]")
@click.option("--published/--no-published", default=None, help="Measure grain-2022.  [default: on a GPU]")
@click.option("--operations/--no-operations", default=None, help="Measure each operation.  [default: on a GPU]")
@click.option("--face", type=click.Path(exists=True, path_type=Path), help="A 1024 px face.  [default: a slope]")
@click.option("--output", type=click.Path(path_type=Path), help="Write OUTPUT.tsv and OUTPUT.md.")
def main(
    device: str,
    model: str,
    batches: str,
    seconds: float,
    files: int,
    workers: int,
    encoding: bool,
    compiled: bool | None,
    published: bool | None,
    operations: bool | None,
    face: Path | None,
    output: Path | None,
) -> None:
    """Measure the speed of decoding and encoding."""
    codec = load_model(model, device)
    on_gpu = codec.device.type == "cuda"
    pixels = read_face(face.read_bytes(), face.name) if face else _slope(codec.spec.image_size)
    bench = decoding.Bench(codec, pixels, Stopwatch(codec.device, seconds))
    heading = machine(codec.device)
    if on_gpu and (reason := reason_unavailable(codec.device.index or 0)):
        heading += f"; without kernels: {reason}"
    click.echo(heading, err=True)
    asked = {"encoding": encoding, "compiled": compiled, "published": published, "operations": operations}
    wanted = {name for name, choice in asked.items() if choice or (choice is None and on_gpu)}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for row in _rows(bench, [int(batch) for batch in batches.split(",")], wanted, Path(folder), files, workers):
            rows.append(row)
            click.echo(f"{row.median:10.3f} ms {row.busy:10.3f} ms  {row.what} ({row.batch})", err=True)
    heading += f"; at most {peak_memory(codec.device):.0f} MiB"
    click.echo(markdown(heading, rows))
    if output is not None:
        output.with_suffix(".md").write_text(markdown(heading, rows), encoding="utf-8")
        with open(output.with_suffix(".tsv"), "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="\t", lineterminator="\n")
            writer.writerows([(f"# {heading}",), COLUMNS, *(row.cells() for row in rows)])


def _rows(
    bench: decoding.Bench, batches: list[int], wanted: set[str], folder: Path, files: int, workers: int
) -> Iterator[Row]:
    """Everything that is measured, of what is `wanted`: "encoding", "compiled", "published" and "operations"."""
    on_gpu = bench.codec.device.type == "cuda"
    for batch in batches:
        yield from decoding.stage_rows(bench, batch, folder)
        yield from decoding.alternative_rows(bench, batch, "compiled" in wanted)
        if batch == 1 and not on_gpu:
            yield from decoding.thread_rows(bench, available_cores())
        if "encoding" in wanted and (batch == 1 or on_gpu):
            yield from encoding_rows(bench, batch)
        if "published" in wanted and batch <= MOST_PUBLISHED:
            yield from decoding.published_rows(bench, batch)
    yield from decoding.ordinary_rows(bench)
    if files:
        yield from decoding.folder_rows(bench, files, folder, workers)
        if "encoding" in wanted and on_gpu:
            yield from photograph_rows(bench, files, folder, workers)
    if "operations" in wanted:
        yield from operation_rows(bench.stopwatch, compiled="compiled" in wanted)


def _slope(size: int) -> Pixels:
    """A picture that is no face but codes and decodes like one."""
    row, column = np.mgrid[0:size, 0:size] * 1024 // size
    return np.stack([row // 4, column // 4, (row + column) // 8], -1).astype(np.uint8)


if __name__ == "__main__":
    main()
