"""One face and one codec at a time: what a worker process of a run does."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, field

import numpy as np
from grain_codec.benchmarks.codecs.codec import Coded, FaceCodec, curve_of
from grain_codec.benchmarks.metrics.metrics import Judge
from grain_codec.benchmarks.runs.faces import FaceFile
from grain_codec.benchmarks.runs.plan import Plan, make_codec
from grain_codec.benchmarks.tables.results_table import CAP, CURVE, Row, Series
from PIL import Image

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
    """What became of a task.

    Attributes:
        rows: of the results table.
        pictures: WebP bytes at the plan's picture cap, by the series' label.
        seconds: that it took.
        warning: something that readers of the report should know.
        error: why there are no rows.
    """

    task: Task
    rows: tuple[Row, ...] = ()
    pictures: dict[str, bytes] = field(default_factory=dict)
    seconds: float = 0.0
    warning: str = ""
    error: str = ""


@dataclass(frozen=True)
class Description:
    """A codec as the record of a run tells of it; see `FaceCodec`."""

    name: str
    settings: str
    variants: tuple[tuple[str, int | None], ...]
    points: tuple[str, ...]


class Worker:
    """Keeps codecs, and the last face with all that its comparisons share."""

    def __init__(self, plan: Plan):
        self._plan = plan
        self._judge: Judge | None = None
        self._codecs: dict[str, FaceCodec] = {}
        self._face: FaceFile | None = None
        self._pixels = np.empty(0)

    def describe(self, name: str) -> Description:
        """A codec of the plan; raises what `make_codec` raises."""
        codec = self._codec(name)
        return Description(codec.name, codec.settings, codec.variants, codec.points if self._plan.curves else ())

    def run(self, task: Task) -> Outcome:
        """Does a task; a face that defeats a codec is an outcome too."""
        started = time.perf_counter()
        try:
            codec, pixels = self._codec(task.codec), self._read(task.face)
            if self._judge is None:
                self._judge = Judge(self._plan.metrics, self._plan.lpips_weights)
            original = self._judge.original(pixels)
            found = [(CAP, str(cap), coded) for cap in self._plan.caps for coded in codec.best_under(pixels, cap)]
            if self._plan.curves:
                found += [(CURVE, point, coded) for point, coded in curve_of(codec, pixels)]
            measured: dict[tuple[bytes, str], dict[str, float]] = {}
            for _, _, coded in found:
                if (coded.data, coded.output) not in measured:
                    values = original.measure(coded.pixels, coded.low_resolution)
                    measured[coded.data, coded.output] = values
        except (GrainError, OSError, ValueError) as error:
            return Outcome(task, seconds=time.perf_counter() - started, error=str(error))
        rows = [_row(task, kind, point, coded, measured[coded.data, coded.output]) for kind, point, coded in found]
        rows += _missing(task, self.describe(task.codec), self._plan.caps, rows)
        warning = "" if original.face_found else f"{task.face.name}: no face found; the identity chip is FFHQ's"
        pictures = self._pictures(task, found)
        return Outcome(task, tuple(rows), pictures, time.perf_counter() - started, warning)

    def _pictures(self, task: Task, found: list[tuple[str, str, Coded]]) -> dict[str, bytes]:
        """The decoded faces at the picture cap, and a model's LR image."""
        pictures = {}
        for kind, point, coded in found:
            if (kind, point) == (CAP, str(self._plan.picture_cap)):
                pictures[Series(task.codec, coded.output, coded.effort).label] = picture(coded.pixels)
                if coded.low_resolution is not None and LR_IMAGE not in pictures:
                    pictures[LR_IMAGE] = picture(coded.low_resolution)
        return pictures

    def _codec(self, name: str) -> FaceCodec:
        if name not in self._codecs:
            self._codecs[name] = make_codec(self._plan, name)
        return self._codecs[name]

    def _read(self, face: FaceFile) -> np.ndarray:
        """A face's pixels; the same array as long as the face is the same, by which codecs and metrics know it."""
        if self._face != face:
            self._face, self._pixels = face, face.read(self._plan.size)
        return self._pixels


def expected_keys(plan: Plan, description: Description, image: str) -> set[tuple]:
    """The keys of all rows that a finished task has in the results table."""
    points = [(CAP, str(cap)) for cap in plan.caps] + [(CURVE, point) for point in description.points]
    return {
        (image, description.name, output, effort, kind, point)
        for output, effort in description.variants
        for kind, point in points
    }


def picture(pixels: np.ndarray) -> bytes:
    """A picture uint8 `[S, S, 3]` for the report: WebP; LR images with their pixels as squares."""
    image = Image.fromarray(pixels)
    stream = io.BytesIO()
    if pixels.shape[0] < PICTURE_SIDE // 4:
        image.resize((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.NEAREST).save(stream, "WEBP", lossless=True)
    else:
        side = min(PICTURE_SIDE, pixels.shape[0])
        image.resize((side, side), Image.Resampling.LANCZOS).save(stream, "WEBP", quality=PICTURE_QUALITY)
    return stream.getvalue()


def _row(task: Task, kind: str, point: str, coded: Coded, values: dict[str, float]) -> Row:
    return Row(
        image=task.face.name,
        codec=task.codec,
        output=coded.output,
        effort=coded.effort,
        kind=kind,
        point=point,
        bytes=len(coded.data),
        payload_bytes=coded.payload_bytes,
        prescale=coded.prescale,
        setting=coded.setting,
        encode_seconds=coded.encode_seconds,
        decode_seconds=coded.decode_seconds,
        **values,
    )


def _missing(task: Task, codec: Description, caps: tuple[int, ...], rows: list[Row]) -> list[Row]:
    """Rows without bytes for the points at which nothing fits."""
    points = [(CAP, str(cap)) for cap in caps] + [(CURVE, point) for point in codec.points]
    present = {(row.output, row.effort, row.kind, row.point) for row in rows}
    return [
        Row(task.face.name, task.codec, output, effort, kind, point)
        for output, effort in codec.variants
        for kind, point in points
        if (output, effort, kind, point) not in present
    ]
