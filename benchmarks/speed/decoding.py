"""How long decoding takes: its stages, other ways to run the networks, ordinary files, and a folder of files."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, features
from torch import Tensor

from grain_codec.benchmarks.speed.timing import Row, Stopwatch
from grain_codec.codec import Codec, Pixels
from grain_codec.formats.images.writing import write_image
from grain_codec.models.registry import FAMILIES
from grain_codec.models.spec import MODULES_FOR
from grain_codec.ops.kernels import reference_only
from grain_codec.runtime.batch_renderer import BatchRenderer
from grain_codec.runtime.decode_pipeline import DecodePipeline

PUBLISHED_FAMILY = "grain-2022"


@dataclass(frozen=True)
class Bench:
    """The equipment of every measurement: a codec, a face uint8 `[S, S, 3]`, and a stopwatch."""

    codec: Codec
    face: Pixels
    stopwatch: Stopwatch

    @cached_property
    def file(self) -> bytes:
        """The encoded face."""
        return self.codec.encode(self.face)

    def records(self, renderer: BatchRenderer, batch: int) -> Tensor:
        """The record of the face, `batch` times."""
        return torch.from_numpy(np.stack([renderer.coder.pack(self.codec.files.read(self.file).symbols)] * batch))


def stage_rows(bench: Bench, batch: int, folder: Path) -> Iterator[Row]:
    """The stages of decoding a batch, one after another."""
    codec, device, row = bench.codec, bench.codec.device, bench.stopwatch.row
    renderer = BatchRenderer(codec, most=batch)
    path = folder / "face.grain"
    path.write_bytes(bench.file)
    given = bench.records(renderer, batch)
    records = list(given.numpy())
    if batch == 1:
        yield row("read the file", 1, path.read_bytes)
        yield row("entropy decoding", 1, lambda: codec.files.read(bench.file))
    with torch.inference_mode():
        if device.type == "cuda":
            given = given.pin_memory()
            yield row("copy to the GPU", batch, lambda: given.to(device, non_blocking=True))
        network = renderer.network_for(batch)
        drawn = network(given)
        how = "as it is" if renderer.reason_without_graph else "CUDA graph and kernels"
        yield row(f"network, {how}", batch, lambda: network(given))
        if device.type == "cuda":
            back = torch.empty(drawn.shape, dtype=torch.uint8, pin_memory=True)
            yield row("copy from the GPU", batch, lambda: back.copy_(drawn, non_blocking=True))
    yield row("record to pixels, with copies", batch, lambda: renderer.start(records)())
    if batch == 1:
        pixels = codec.decode(bench.file)
        for name in ("PNG", "JPEG"):
            yield row(f"write {name}", 1, partial(write_picture, folder / f"face.{name.lower()}", pixels, name))


def alternative_rows(bench: Bench, batch: int, compiled: bool) -> Iterator[Row]:
    """Other ways to run the same network."""
    codec, device, row = bench.codec, bench.codec.device, bench.stopwatch.row
    renderer = BatchRenderer(codec, most=batch)
    given = bench.records(renderer, batch).to(device)
    with torch.inference_mode():
        if device.type == "cuda":
            single = BatchRenderer(codec, most=batch, dtype=torch.float32)
            with reference_only():
                yield row("network, torch eager", batch, lambda: renderer.draw(given))
                yield row("network, torch eager, float32", batch, lambda: single.draw(given))
            yield row("network, kernels without graph", batch, lambda: renderer.draw(given))
        if device.type == "cpu":
            halved = BatchRenderer(codec, most=batch, dtype=torch.bfloat16)
            yield row("network, bfloat16", batch, lambda: halved.draw(given))
        if compiled:
            draw = torch.compile(renderer.draw)
            yield row("network, torch.compile", batch, lambda: draw(given))


def thread_rows(bench: Bench, most: int) -> Iterator[Row]:
    """The network on one face with 1, 2, 4, ... and `most` threads of a CPU."""
    before = torch.get_num_threads()
    renderer = BatchRenderer(bench.codec)
    given = bench.records(renderer, 1)
    try:
        for count in sorted({most, *(1 << power for power in range(most.bit_length()))}):
            torch.set_num_threads(count)
            with torch.inference_mode():
                yield bench.stopwatch.row(f"network, threads: {count}", 1, lambda: renderer.draw(given))
    finally:
        torch.set_num_threads(before)


def published_rows(bench: Bench, batch: int) -> Iterator[Row]:
    """The published network with random weights, which take as long as trained ones."""
    family, device = FAMILIES[PUBLISHED_FAMILY], bench.codec.device
    spec = family.spec_type()
    networks = family.build_networks(spec, MODULES_FOR["fused"]).to(device).eval().requires_grad_(False)
    coder = family.coder(spec, {})
    samples = np.random.default_rng(0).integers(0, 256, (batch, coder.record_length)).astype(coder.record_dtype)
    draw = partial(networks.draw_records, torch.from_numpy(samples).to(device), "fused")
    with torch.inference_mode():
        yield bench.stopwatch.row(f"{PUBLISHED_FAMILY}, network", batch, draw)
        if device.type == "cuda":
            with reference_only():
                yield bench.stopwatch.row(f"{PUBLISHED_FAMILY}, torch eager", batch, draw)


def ordinary_rows(bench: Bench) -> Iterator[Row]:
    """Reading the same picture from ordinary files of full size."""
    picture = Image.fromarray(bench.codec.decode(bench.file))
    for name in ("JPEG", "WEBP", "AVIF", "PNG"):
        if name in ("WEBP", "AVIF") and not features.check(name.lower()):
            continue
        written = io.BytesIO()
        picture.save(written, name)
        data = written.getvalue()
        yield bench.stopwatch.row(f"read {name} of {len(data)} bytes", 1, partial(_read_picture, data))


def folder_rows(bench: Bench, count: int, folder: Path, workers: int) -> Iterator[Row]:
    """A folder of files to a folder of PNG, workers started before the clock."""
    sources = [folder / f"{index:04}.grain" for index in range(count)]
    for source in sources:
        source.write_bytes(bench.file)
    with DecodePipeline(bench.codec, workers=workers) as pipeline:

        def decode_all() -> None:
            faces = list(pipeline.decode(sources, write=write_png))
            assert all(face.error is None for face in faces)

        label = f"folder of {count} to PNG, {workers} workers, batches of {pipeline.batch_size}"
        yield bench.stopwatch.row(label, count, decode_all)


def write_png(source: Path, kept: None, pixels: Pixels) -> int:
    """Writes a picture beside its file; the bytes written."""
    return write_picture(source.with_suffix(".png"), pixels, "PNG")


def write_picture(path: Path, pixels: Pixels, format: str) -> int:
    """Writes a picture; the bytes written."""
    return path.write_bytes(write_image(pixels, format))


def _read_picture(data: bytes) -> Pixels:
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))
