"""One face and one codec at a time: what the processes of a run do."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from grain_codec.benchmarks.codecs.face_codec import Coded, FaceCodec
from grain_codec.benchmarks.metrics.metric_set import MetricSet
from grain_codec.benchmarks.runs.faces import FaceFile
from grain_codec.benchmarks.runs.plan import Plan, make_codec
from grain_codec.benchmarks.tables.rows import CAP, CURVE, Row, Series
from grain_codec.codec import Pixels
from grain_codec.errors import GrainError

PICTURE_SIDE, PICTURE_QUALITY = 512, 85
ORIGINAL, LR_IMAGE = "original", "LR image"


@dataclass(frozen=True)
class Task:
    """A face that a codec has to encode at all caps and points."""

    face: FaceFile
    codec: str


@dataclass(frozen=True)
class Outcome:
    """The outcome of one task."""

    task: Task
    rows: tuple[Row, ...] = ()  # The task's rows of the results table.
    # WebP bytes at the plan's picture cap, by the series' label.
    pictures: dict[str, bytes] = field(default_factory=dict)
    seconds: float = 0.0  # The time that it took.
    warning: str = ""  # A warning for readers of the report.
    error: str = ""  # The reason why there are no rows.


@dataclass(frozen=True)
class Description:
    """A codec as the record of a run describes it; see `FaceCodec`."""

    name: str
    settings: str
    series: tuple[Series, ...]
    points: tuple[str, ...]

    def expected_rows(self, plan: Plan, image: str) -> list[Row]:
        """All rows that a finished task has in the results table, without what is measured."""
        points = [(CAP, str(cap)) for cap in plan.caps] + [(CURVE, point) for point in self.points]
        return [empty_row(image, series, kind, point) for series in self.series for kind, point in points]


def empty_row(image: str, series: Series, kind: str, point: str) -> Row:
    """A row in which nothing is measured."""
    return Row(image, series.codec, series.output, series.effort, kind, point)


def describe_codec(plan: Plan, name: str) -> Description:
    """A codec of a plan; raises what `make_codec` raises."""
    return _runner(plan).describe(name)


def run_task(plan: Plan, task: Task) -> Outcome:
    """Does a task of a plan; that a codec fails on a face is an outcome too."""
    return _runner(plan).run(task)


@lru_cache(maxsize=1)
def _runner(plan: Plan) -> TaskRunner:
    """The runner that does this process's tasks."""
    return TaskRunner(plan)


class TaskRunner:
    """Keeps codecs, and the last face with all that its comparisons share."""

    def __init__(self, plan: Plan):
        """Loads nothing before it is needed."""
        self._plan = plan
        self._metrics: MetricSet | None = None
        self._codecs: dict[str, FaceCodec] = {}
        self._face: FaceFile | None = None
        self._pixels: Pixels = np.empty(0, np.uint8)

    def describe(self, name: str) -> Description:
        """See `describe_codec`."""
        codec = self._codec(name)
        return Description(codec.name, codec.settings, codec.series, codec.points if self._plan.curves else ())

    def run(self, task: Task) -> Outcome:
        """See `run_task`."""
        started = time.perf_counter()
        try:
            pixels = self._read(task.face)
            self._metrics = self._metrics or MetricSet(self._plan.metrics, self._plan.lpips_weights)
            original = self._metrics.original(pixels)
            found = dict(self._coded(task, pixels))
            measured: dict[tuple[bytes, str], dict[str, float]] = {}
            for row, coded in found.items():
                if (coded.data, row.output) not in measured:
                    measured[coded.data, row.output] = original.measure(coded.pixels, coded.low_resolution)
        except (GrainError, OSError, ValueError) as error:
            return Outcome(task, seconds=time.perf_counter() - started, error=str(error))
        rows = [_filled(row, coded, measured[coded.data, row.output]) for row, coded in found.items()]
        expected = self.describe(task.codec).expected_rows(self._plan, task.face.name)
        rows += [row for row in expected if row not in found]
        return Outcome(
            task,
            rows=tuple(rows),
            pictures=self._pictures(found),
            seconds=time.perf_counter() - started,
            warning="" if original.face_found else f"{task.face.name}: no face found; the identity chip is FFHQ's",
        )

    def _coded(self, task: Task, pixels: Pixels) -> Iterator[tuple[Row, Coded]]:
        """Codes a face at all caps, and at all points of the curve if curves are wanted."""
        codec = self._codec(task.codec)
        for cap in self._plan.caps:
            for coded in codec.best_under(pixels, cap):
                yield empty_row(task.face.name, coded.series, CAP, str(cap)), coded
        for point in codec.points if self._plan.curves else ():
            for coded in codec.at_point(pixels, point):
                yield empty_row(task.face.name, coded.series, CURVE, point), coded

    def _pictures(self, found: dict[Row, Coded]) -> dict[str, bytes]:
        """The decoded faces at the picture cap, and a model's LR image."""
        pictures: dict[str, bytes] = {}
        for row, coded in found.items():
            if (row.kind, row.point) == (CAP, str(self._plan.picture_cap)):
                pictures[row.series.label] = picture(coded.pixels)
                if coded.low_resolution is not None and LR_IMAGE not in pictures:
                    pictures[LR_IMAGE] = picture(coded.low_resolution)
        return pictures

    def _codec(self, name: str) -> FaceCodec:
        if name not in self._codecs:
            self._codecs[name] = make_codec(self._plan, name)
        return self._codecs[name]

    def _read(self, face: FaceFile) -> Pixels:
        """A face's pixels; the same array as long as the face is the same, by which codecs and metrics know it."""
        if self._face != face:
            self._face, self._pixels = face, face.read(self._plan.size)
        return self._pixels


def picture(pixels: Pixels) -> bytes:
    """A picture uint8 `[S, S, 3]` for the report: WebP; LR images with their pixels as squares."""
    image = Image.fromarray(pixels)
    stream = io.BytesIO()
    if pixels.shape[0] < PICTURE_SIDE // 4:
        image.resize((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.NEAREST).save(stream, "WEBP", lossless=True)
    else:
        side = min(PICTURE_SIDE, pixels.shape[0])
        image.resize((side, side), Image.Resampling.LANCZOS).save(stream, "WEBP", quality=PICTURE_QUALITY)
    return stream.getvalue()


def _filled(row: Row, coded: Coded, metrics: dict[str, float]) -> Row:
    """A row with all that was measured."""
    measured: dict[str, Any] = dict(metrics)
    return replace(
        row,
        bytes=len(coded.data),
        payload_bytes=coded.payload_bytes,
        prescale=coded.prescale,
        setting=coded.setting,
        encode_seconds=coded.encode_seconds,
        decode_seconds=coded.decode_seconds,
        **measured,
    )
