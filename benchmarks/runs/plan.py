"""The plan of a run: its codecs, caps and metrics. It is small enough to be sent to every worker."""

from dataclasses import dataclass, replace

from grain_codec.benchmarks.codecs.face_codec import FaceCodec
from grain_codec.benchmarks.codecs.ordinary import ORDINARY_FORMATS
from grain_codec.benchmarks.codecs.placeholders import Bicubic16, BlurHash
from grain_codec.benchmarks.codecs.prescaled import ImageFormat, PrescaledCodec
from grain_codec.benchmarks.codecs.vvc import Vvc, VvcImplied
from grain_codec.benchmarks.metrics.metric_set import choose_metrics
from grain_codec.benchmarks.packages import PackageMissing
from grain_codec.errors import GrainError
from grain_codec.settings import DEFAULT_EFFORT, DEFAULT_MODEL
from grain_codec.weights import find_model, read_model

PLACEHOLDERS = {Bicubic16.name: Bicubic16, BlurHash.name: BlurHash}
FORMATS: dict[str, ImageFormat] = {**ORDINARY_FORMATS, Vvc.name: Vvc(), VvcImplied.name: VvcImplied()}
CODECS = (Bicubic16.name, *FORMATS, BlurHash.name, DEFAULT_MODEL)
"""Names that a run can be asked for; other models are given by their weights files."""

DEFAULT_SIZE = 1024
DEFAULT_CAPS = (200, 384, 484, 768)
RUNGS = (120, 200, 300, 484, 768, 1536)
"""Caps of the ordinary codecs' curves; where they are among a run's caps nothing is encoded twice."""

QUICK_CAPS = (200, 484)
QUICK_RUNGS = (150, 300, 484, 1024)
SLOW_CODECS = (Vvc.name, VvcImplied.name)  # A quick run measures them only where they are asked for.
QUICK_FACES = 4


@dataclass(frozen=True)
class NamedModel:
    """A model: its name in the results, and what it is loaded by, which is its name or its weights file."""

    name: str
    source: str


@dataclass(frozen=True)
class Plan:
    """The plan of a run.

    Attributes:
        codecs: names of the ordinary codecs and placeholders.
        models: the models of this project.
        caps: the caps in bytes, ascending.
        rungs: caps of the ordinary codecs' curves, ascending.
        efforts: the efforts of the models' search.
        metrics: the metrics that `choose_metrics` returns.
        lpips_weights: paths of the weights that LPIPS needs.
        quick: whether to try fewer sizes and spend less time in encoders.
        device: the device that models run on.
        size: side of the faces in pixels.
        curves: whether every point of the codecs' curves is measured, beside the caps.
        picture_cap: the cap whose pictures are kept for the report.
    """

    codecs: tuple[str, ...]
    models: tuple[NamedModel, ...] = ()
    caps: tuple[int, ...] = DEFAULT_CAPS
    rungs: tuple[int, ...] = RUNGS
    efforts: tuple[int, ...] = (DEFAULT_EFFORT,)
    metrics: tuple[str, ...] = ("psnr",)
    lpips_weights: tuple[str, ...] = ()
    quick: bool = False
    device: str = "cpu"
    size: int = DEFAULT_SIZE
    curves: bool = True

    @property
    def picture_cap(self) -> int:
        """The middle cap."""
        return self.caps[len(self.caps) // 2]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all codecs, as in the results."""
        return (*self.codecs, *(model.name for model in self.models))


def complete(asked: Plan, sources: tuple[str, ...]) -> tuple[Plan, list[str]]:
    """A plan in which everything that a user has left open is decided.

    Args:
        asked: what the user has chosen; empty fields are open, and those of models and sizes are ignored.
        sources: names of models, or weights files, to be measured beside the default model.

    Returns:
        The plan, and a warning for each codec that is left out because a package is missing.

    Raises:
        GrainError: a codec, model or metric is unknown or cannot be had here.
    """
    codecs, warnings = choose_codecs(asked.codecs, asked.quick)
    shipped = (DEFAULT_MODEL,) if not asked.codecs or DEFAULT_MODEL in asked.codecs else ()
    models, size = choose_models((*shipped, *sources))
    plan = replace(
        asked,
        codecs=codecs,
        models=models,
        caps=tuple(sorted(set(asked.caps or (QUICK_CAPS if asked.quick else DEFAULT_CAPS)))),
        rungs=QUICK_RUNGS if asked.quick else RUNGS,
        efforts=tuple(sorted(set(asked.efforts or (DEFAULT_EFFORT,)))),
        metrics=choose_metrics(asked.metrics, asked.lpips_weights, asked.quick),
        size=size,
    )
    return plan, warnings


def make_codec(plan: Plan, name: str) -> FaceCodec:
    """A codec of a plan by its name.

    Raises:
        PackageMissing: it needs a package that is not installed.
        WrongModel: its weights are not usable.
    """
    if name in FORMATS:
        return PrescaledCodec(FORMATS[name], plan.rungs, plan.quick)
    if name in PLACEHOLDERS:
        return PLACEHOLDERS[name]()
    from grain_codec.benchmarks.codecs.model import ModelCodec

    [source] = [model.source for model in plan.models if model.name == name]
    return ModelCodec(source, name, plan.efforts, plan.device, plan.quick)


def choose_codecs(asked: tuple[str, ...], quick: bool = False) -> tuple[tuple[str, ...], list[str]]:
    """The ordinary codecs and placeholders of a run, and a warning for each whose package is missing.

    Args:
        asked: names; empty for all that there are.
        quick: leaves the slow ones out of all that there are.

    Raises:
        GrainError: a name is unknown.
        PackageMissing: one that was asked for needs a package.
    """
    for name in asked:
        if name not in CODECS:
            raise GrainError(f"unknown codec {name!r}; there are {', '.join(CODECS)}")
    available, warnings = [], []
    for name in CODECS[:-1]:
        if name not in asked if asked else quick and name in SLOW_CODECS:
            continue
        try:
            make_codec(Plan(()), name)
        except PackageMissing as error:
            if asked:
                raise
            warnings.append(f"{name} is left out: {error}")
        else:
            available.append(name)
    return tuple(available), warnings


def choose_models(sources: tuple[str, ...]) -> tuple[tuple[NamedModel, ...], int]:
    """Models under names that no two share, and the side of the faces that all of them take.

    Args:
        sources: names of shipped models, or weights files.

    Raises:
        WrongModel: there is no such model, or its file is not usable.
        GrainError: they take faces of different sizes.
    """
    files = [(source, read_model(find_model(source))) for source in dict.fromkeys(sources)]
    names = [model.spec.name for _, model in files]
    models = tuple(
        NamedModel(name if names.count(name) == 1 else f"{name}-{model.fingerprint.hex()}", source)
        for name, (source, model) in zip(names, files)
    )
    sizes = sorted({model.spec.image_size for _, model in files})
    if len(sizes) > 1:
        raise GrainError(f"the models take faces of different sizes: {', '.join(map(str, sizes))}")
    return models, sizes[0] if sizes else DEFAULT_SIZE
