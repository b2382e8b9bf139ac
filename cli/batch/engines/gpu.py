"""Does jobs on a GPU: worker processes read and write files, this one runs networks on batches of them."""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from grain_codec.cli.batch.conversion import Conversion
from grain_codec.cli.batch.job import Job, Outcome
from grain_codec.cli.batch.tasks.decode import DecodeTask
from grain_codec.cli.batch.tasks.encode import EncodedFaces, EncodeTask, Faces
from grain_codec.cli.batch.tasks.model import ModelUnavailable, load_codec
from grain_codec.cli.batch.tasks.task import Task
from grain_codec.cli.exits import RunImpossible
from grain_codec.errors import GrainError, WrongModel
from grain_codec.portable.engine import may_have_gpu
from grain_codec.runtime.decode_pipeline import DecodePipeline
from grain_codec.runtime.encode_pipeline import EncodePipeline, FaceToEncode
from grain_codec.runtime.pipeline import Pipeline
from grain_codec.runtime.worker_pool import PoolBroken

Note = Callable[[str], None]


def suits_gpu(task: Task[Any, Any, Any]) -> bool:
    """Tells whether a task runs networks on a GPU, on one face of each file; loads torch only where a GPU may exist."""
    if not isinstance(task, EncodeTask | DecodeTask) or not task.takes_one_face or task.model.engine == "onnx":
        return False
    if task.model.device != "auto":
        return task.model.device.startswith("cuda")
    return may_have_gpu() and load_codec(task.model).device.type == "cuda"


def run_on_gpu(
    jobs: Iterable[Job], conversion: Conversion[Any, Any, Any], workers: int | None, note: Note | None = None
) -> Generator[Outcome]:
    """Does jobs with one model for all; closing the iterator ends the workers and leaves no partial file.

    Args:
        conversion: the conversion of a task that `suits_gpu`; any device will do.
        workers: processes that read and write; None means one for each core.
        note: is told why the GPU is slower than it could be.

    Yields:
        Outcomes in the jobs' order.

    Raises:
        RunImpossible: the model cannot be loaded or draw the picture, the GPU has no memory for one face, or the
            workers keep dying.
    """
    from torch import OutOfMemoryError

    task = conversion.task
    assert isinstance(task, EncodeTask | DecodeTask)
    try:
        batches = _encoding(task, workers) if isinstance(task, EncodeTask) else _decoding(task, workers, note)
        with batches.pipeline as pipeline:
            for finished in pipeline.run(jobs, conversion.read, batches.start, conversion.write):
                if isinstance(finished.error, RunImpossible):
                    raise finished.error
                error = finished.error
                yield finished.result if error is None else conversion.failure(finished.source, error)
    except WrongModel as error:
        raise ModelUnavailable(str(error)) from error
    except OutOfMemoryError as error:
        raise ModelUnavailable("the GPU's memory does not suffice for one face; --device cpu does without") from error
    except PoolBroken as error:
        raise RunImpossible(str(error)) from error


@dataclass(frozen=True)
class _Batches:
    """A pipeline, and what starts to compute a batch of a task's inputs in it."""

    pipeline: Pipeline
    start: Callable[[Sequence[Any]], Callable[[], Iterable[Any]]]


def _decoding(task: DecodeTask, workers: int | None, note: Note | None) -> _Batches:
    """Draws encoded files, whose symbols the workers read."""
    codec = load_codec(task.model)
    pipeline = DecodePipeline(codec, task.settings.output, workers=workers)
    if note is not None:
        from grain_codec.ops.kernels import reason_unavailable

        reason = reason_unavailable(codec.device.index or 0)
        if reason is not None:
            note(f"drawing on {codec.device} without kernels of its own: {reason}")

    return _Batches(pipeline, pipeline.start)


def _encoding(task: EncodeTask, workers: int | None) -> _Batches:
    """Encodes photographs of one face each, whose pixels the workers read."""
    pipeline = EncodePipeline(load_codec(task.model), workers=workers)

    def start(photographs: Sequence[Faces]) -> Callable[[], Iterable[EncodedFaces | Exception]]:
        faces = [face for [face] in photographs]
        encoded = pipeline.start(faces)
        return lambda: [_measured(task, face, file) for face, file in zip(faces, encoded())]

    return _Batches(pipeline, start)


def _measured(task: EncodeTask, face: FaceToEncode, file: bytes | Exception) -> EncodedFaces | Exception:
    """What `EncodeTask.compute` gives for the file of a face, or why there is nothing."""
    try:
        return file if isinstance(file, Exception) else (task.measured(face, file),)
    except GrainError as error:
        return error
