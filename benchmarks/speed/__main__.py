"""How long decoding takes, stage by stage, against other ways to draw the same and against ordinary codecs; encoding.

On a CPU there is a row for each number of threads, by which the command line's is chosen (`cli/tasks.py`).

    python -m grain_codec.benchmarks.speed --device cuda --output speed

prints a table and writes speed.tsv and speed.md. Times are medians after a warm-up, with the quartiles beside
them, in milliseconds for one face. On a machine that does other work too, processor time tells more: that of
this process with all its threads, not of its workers.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from grain_codec.benchmarks.speed.encoding import encoding_rows, photograph_rows
from grain_codec.benchmarks.speed.operations import operation_rows
from grain_codec.benchmarks.speed.timing import Row, machine, measure, peak_mebibytes, row_of
from grain_codec.formats.images.pictures import read_face, write_image
from PIL import Image, features

from grain_codec.codec import Codec, load_model
from grain_codec.models.grain2022.networks import Grain2022
from grain_codec.ops.kernels import reason_unavailable, reference_only
from grain_codec.runtime.batch_renderer import Artist
from grain_codec.runtime.cores import available_cores
from grain_codec.runtime.decode_pipeline import DecodePipeline

MOST_PUBLISHED = 8
"""Faces at once for the published networks."""

COLUMNS = ("what", "batch", "median ms", "from ms", "to ms", "processor ms", "runs")


@dataclass(frozen=True)
class Bench:
    """What everything is measured with.

    Attributes:
        file: an encoded face.
        seconds: how long each measurement goes on.
    """

    codec: Codec
    file: bytes
    seconds: float

    def row(self, what: str, batch: int, call: Callable[[], object]) -> Row:
        """Measures a call that does `batch` faces."""
        return row_of(what, batch, measure(call, self.codec.device, self.seconds))


def stage_rows(bench: Bench, batch: int, folder: Path) -> Iterator[Row]:
    """The stages of decoding a batch, one after another."""
    codec, device = bench.codec, bench.codec.device
    artist = Artist(codec, most=batch)
    path = folder / "face.grain"
    path.write_bytes(bench.file)
    record = artist.records.pack(codec.files.read(bench.file))
    given = torch.from_numpy(np.stack([record] * batch))
    if batch == 1:
        yield bench.row("read the file", 1, path.read_bytes)
        yield bench.row("entropy decoding", 1, lambda: codec.files.read(bench.file))
    with torch.inference_mode():
        if device.type == "cuda":
            given = given.pin_memory()
            yield bench.row("copy to the GPU", batch, lambda: given.to(device, non_blocking=True))
        drawn = artist.network_for(batch)(given)
        how = "as it is" if artist.reason_without_graph else "CUDA graph and kernels"
        yield bench.row(f"network, {how}", batch, lambda: artist.network_for(batch)(given))
        if device.type == "cuda":
            back = torch.empty(drawn.shape, dtype=torch.uint8, pin_memory=True)
            yield bench.row("copy from the GPU", batch, lambda: back.copy_(drawn, non_blocking=True))
    yield bench.row("record to pixels, with copies", batch, lambda: artist.start([record] * batch).pixels())
    if batch == 1:
        pixels = codec.decode_face(bench.file)
        for name in ("PNG", "JPEG"):
            target = folder / f"face.{name.lower()}"
            yield bench.row(f"write {name}", 1, lambda: target.write_bytes(write_image(pixels, name)))


def alternative_rows(bench: Bench, batch: int, compiled: bool) -> Iterator[Row]:
    """Other ways to run the same network."""
    codec, device = bench.codec, bench.codec.device
    artist = Artist(codec, most=batch)
    record = artist.records.pack(codec.files.read(bench.file))
    given = torch.from_numpy(np.stack([record] * batch)).to(device)
    with torch.inference_mode():
        if device.type == "cuda":
            with reference_only():
                yield bench.row("network, torch eager", batch, lambda: artist.draw(given))
            single = Artist(codec, most=batch, dtype=torch.float32)
            with reference_only():
                yield bench.row("network, torch eager, float32", batch, lambda: single.draw(given))
            yield bench.row("network, kernels without graph", batch, lambda: artist.draw(given))
        if device.type == "cpu":
            halved = Artist(codec, most=batch, dtype=torch.bfloat16)
            yield bench.row("network, bfloat16", batch, lambda: halved.draw(given))
        if compiled:
            draw = torch.compile(artist.draw)
            yield bench.row("network, torch.compile", batch, lambda: draw(given))


def thread_rows(bench: Bench, most: int) -> Iterator[Row]:
    """The network on one face with 1, 2, 4, ... and `most` threads of a CPU."""
    before = torch.get_num_threads()
    artist = Artist(bench.codec)
    given = torch.from_numpy(artist.records.pack(bench.codec.files.read(bench.file))[None])
    counts = sorted({most, *(1 << power for power in range(most.bit_length()) if 1 << power <= most)})
    try:
        for count in counts:
            torch.set_num_threads(count)
            with torch.inference_mode():
                yield bench.row(f"network, threads: {count}", 1, lambda: artist.draw(given))
    finally:
        torch.set_num_threads(before)


def published_rows(bench: Bench, batch: int) -> Iterator[Row]:
    """The published network with weights of no meaning, which take as long."""
    device = bench.codec.device
    networks = Grain2022().to(device).eval().requires_grad_(False)
    samples = torch.randint(0, 256, (batch, 3, 16, 16), device=device).float()
    with torch.inference_mode():
        yield bench.row("grain-2022, network", batch, lambda: networks.draw_pixels(samples, output="fused"))
        if device.type == "cuda":
            with reference_only():
                yield bench.row("grain-2022, torch eager", batch, lambda: networks.draw_pixels(samples, output="fused"))


def ordinary_rows(bench: Bench) -> Iterator[Row]:
    """Reading the same picture from ordinary files of full size."""
    picture = Image.fromarray(bench.codec.decode_face(bench.file))
    for name in ("JPEG", "WEBP", "AVIF", "PNG"):
        if name in ("WEBP", "AVIF") and not features.check(name.lower()):
            continue
        written = io.BytesIO()
        picture.save(written, name)
        data = written.getvalue()
        label = f"read {name} of {len(data)} bytes"
        yield bench.row(label, 1, lambda: np.array(Image.open(io.BytesIO(data)).convert("RGB")))


class PngWriter:
    """Writes pictures into a folder; travels to workers."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __call__(self, source: Path, pixels: np.ndarray) -> int:
        """Bytes written."""
        return (self.folder / f"{source.stem}.png").write_bytes(write_image(pixels, "PNG"))


def folder_rows(bench: Bench, count: int, folder: Path, workers: int) -> Iterator[Row]:
    """A folder of files to a folder of PNG, workers started before the clock."""
    sources = [folder / f"{index:04}.grain" for index in range(count)]
    for source in sources:
        source.write_bytes(bench.file)
    with DecodePipeline(bench.codec, workers=workers) as pipeline:

        def decode_all() -> None:
            faces = list(pipeline.decode(sources, write=PngWriter(folder)))
            assert all(face.error is None for face in faces)

        label = f"folder of {count} to PNG, {workers} workers, batches of {pipeline.batch_size}"
        yield bench.row(label, count, decode_all)


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
    compiled, published, operations = (on_gpu if each is None else each for each in (compiled, published, operations))
    pixels = read_face(face.read_bytes(), face.name) if face else _slope(codec.spec.image_size)
    bench = Bench(codec, codec.encode_face(pixels), seconds)
    heading = machine(codec.device)
    if on_gpu and (reason := reason_unavailable(codec.device.index or 0)):
        heading += f"; without kernels: {reason}"
    click.echo(heading, err=True)
    rows: list[Row] = []

    def add(more: Iterator[Row]) -> None:
        for row in more:
            rows.append(row)
            click.echo(f"{row.median:10.3f} ms {row.busy:10.3f} ms  {row.what} ({row.batch})", err=True)

    with tempfile.TemporaryDirectory() as folder:
        for batch in map(int, batches.split(",")):
            add(stage_rows(bench, batch, Path(folder)))
            add(alternative_rows(bench, batch, compiled))
            if batch == 1 and not on_gpu:
                add(thread_rows(bench, available_cores()))
            if encoding and (batch == 1 or on_gpu):
                add(encoding_rows(codec, [pixels] * batch, seconds))
            if published and batch <= MOST_PUBLISHED:
                add(published_rows(bench, batch))
        add(ordinary_rows(bench))
        if files:
            add(folder_rows(bench, files, Path(folder), workers))
        if files and encoding and on_gpu:
            add(photograph_rows(codec, pixels, files, Path(folder), workers, seconds))
    if operations:
        add(operation_rows(codec.device, seconds, compiled=compiled))
    heading += f"; at most {peak_mebibytes(codec.device):.0f} MiB"
    click.echo(markdown(heading, rows))
    if output is not None:
        output.with_suffix(".md").write_text(markdown(heading, rows), encoding="utf-8")
        with open(output.with_suffix(".tsv"), "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="\t", lineterminator="\n")
            writer.writerows([(f"# {heading}",), COLUMNS, *(row.cells() for row in rows)])


def markdown(heading: str, rows: list[Row]) -> str:
    """The rows as a table under the machine's name."""
    lines = [heading, "", f"| {' | '.join(COLUMNS)} |", "|---|" + "---:|" * (len(COLUMNS) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row.cells())} |" for row in rows)]) + "\n"


def _slope(size: int) -> np.ndarray:
    """A picture that is no face but codes and decodes like one."""
    row, column = np.mgrid[0:size, 0:size] * 1024 // size
    return np.stack([row // 4, column // 4, (row + column) // 8], -1).astype(np.uint8)


if __name__ == "__main__":
    main()
