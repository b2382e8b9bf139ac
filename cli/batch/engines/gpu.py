"""Conversion on a GPU: worker processes read and write files, this one runs networks; outcomes in the jobs' order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
from grain_codec.cli.batch.conversion import SKIPPED, Conversion, Outcome, failure
from grain_codec.cli.batch.paths import Job, OutputExists, check_target, read_source
from grain_codec.cli.batch.tasks import Converted, DecodeTask, EncodeTask, ModelUnavailable, Task

from grain_codec.errors import WrongModel
from grain_codec.runtime.decode_pipeline import DecodePipeline, Face
from grain_codec.runtime.encode_pipeline import EncodedFace, EncodePipeline, Photograph, Settings

DRIVER_DEVICES = ("/dev/nvidiactl", "/dev/dxg")
"""What shows on Linux, and on Linux within Windows, that there may be a GPU, before torch is asked."""


def suits_gpu(task: Task) -> bool:
    """Whether a task's networks take one face a file, on a GPU; torch is loaded only where there may be one."""
    if not _takes_one_face(task):
        return False
    if task.model.device != "auto":
        return task.model.device.startswith("cuda")
    if os.name == "posix" and not any(map(os.path.exists, DRIVER_DEVICES)):
        return False
    return task.model.codec().device.type == "cuda"


def run_on_gpu(
    jobs: Iterable[Job], conversion: Conversion, workers: int | None, note: Callable[[str], None] | None = None
) -> Iterator[Outcome]:
    """Converts files with one model for all; closing the iterator ends the workers when their file is finished.

    Args:
        conversion: its task is one that `suits_gpu`, or would if its model were on a GPU.
        workers: processes that read and write; None means one a core.
        note: is told what the GPU does without.

    Raises:
        ModelUnavailable: the model cannot be loaded or draw the picture, the GPU has no memory for one face, or a
            worker was killed.
    """
    from torch import OutOfMemoryError

    faces = _encoded if isinstance(conversion.task, EncodeTask) else _decoded
    try:
        with closing(faces(jobs, conversion, workers, note)) as converted:
            for face in converted:
                yield face.written if face.error is None else _failed(face, conversion)
    except WrongModel as error:
        raise ModelUnavailable(str(error)) from error
    except OutOfMemoryError as error:
        raise ModelUnavailable("the GPU's memory does not suffice for one face; --device cpu does without") from error
    except BrokenProcessPool as error:
        raise ModelUnavailable("a worker process died") from error


def _takes_one_face(task: Task) -> bool:
    """Whether the engine knows how to do a task."""
    if isinstance(task, EncodeTask):
        return not task.align
    return isinstance(task, DecodeTask) and not task.thumbnail


def _decoded(
    jobs: Iterable[Job], conversion: Conversion, workers: int | None, note: Callable[[str], None] | None
) -> Iterator[Face]:
    """Files to pictures."""
    task = conversion.task
    with DecodePipeline(task.model.codec(), task.picture, None, workers, task.fine_quality) as pipeline:
        if note is not None:
            _note_shortcomings(pipeline, note)
        yield from pipeline.decode(jobs, _Read(conversion.force), _WritePicture(conversion))


def _encoded(
    jobs: Iterable[Job], conversion: Conversion, workers: int | None, note: Callable[[str], None] | None
) -> Iterator[Face]:
    """Photographs to files; networks that analyse have no kernels of their own to do without."""
    task = conversion.task
    codec = task.model.codec()
    settings = Settings(task.quality, task.max_bytes, task.carrier, task.effort)
    with EncodePipeline(codec, settings, None, workers) as pipeline:
        read = _ReadPhotograph(_Read(conversion.force), task, codec.spec.image_size)
        yield from pipeline.encode(jobs, read, _WriteFile(conversion))


@dataclass(frozen=True)
class _Read:
    """The bytes of a job's source, unless its target is taken."""

    force: bool

    def __call__(self, job: Job) -> bytes:
        check_target(job.target, self.force)
        return read_source(job.source)


@dataclass(frozen=True)
class _ReadPhotograph:
    """The face of a job's source, as its task reads it."""

    read: _Read
    task: EncodeTask
    size: int

    def __call__(self, job: Job) -> Photograph:
        return self.task.read(self.read(job), job.source_name, self.size)


@dataclass(frozen=True)
class _WritePicture:
    """All that a conversion does to a job, with the face drawn already."""

    conversion: Conversion

    def __call__(self, job: Job, pixels: np.ndarray) -> Outcome:
        task = replace(self.conversion.task, model=_Drawn(pixels))
        return replace(self.conversion, task=task)(job)


@dataclass(frozen=True)
class _WriteFile:
    """All that a conversion does to a job, with the photograph encoded already."""

    conversion: Conversion

    def __call__(self, job: Job, face: EncodedFace) -> Outcome:
        converted = Converted(face.data, face.notices)
        return replace(self.conversion, task=lambda data, name: converted)(job)


@dataclass(frozen=True)
class _Drawn:
    """Stands for a model and its codec where there is nothing left to draw."""

    pixels: np.ndarray
    loaded = True

    def codec(self) -> _Drawn:
        """See `LazyModel`."""
        return self

    def decode_face(self, *_: object) -> np.ndarray:
        """See `Codec`."""
        return self.pixels


def _note_shortcomings(pipeline: DecodePipeline, note: Callable[[str], None]) -> None:
    """Says why the reference operations run instead of kernels."""
    from grain_codec.ops.kernels import reason_unavailable

    device = pipeline.artist.device
    if (reason := reason_unavailable(device.index or 0)) is not None:
        note(f"drawing on {device} without kernels of its own: {reason}")


def _failed(face: Face, conversion: Conversion) -> Outcome:
    """The outcome of a job that did not get as far as being written."""
    if isinstance(face.error, OutputExists) and conversion.skip_existing:
        return Outcome(face.source, SKIPPED)
    return failure(face.source, face.error)
