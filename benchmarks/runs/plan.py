"""What a run measures: codecs, caps, metrics; small enough to travel to every worker."""

from __future__ import annotations

from dataclasses import dataclass

from grain_codec.benchmarks.codecs.codec import FaceCodec, PackageMissing
from grain_codec.benchmarks.codecs.ordinary import ORDINARY_CODECS
from grain_codec.benchmarks.codecs.placeholders import Bicubic16, BlurHash

from grain_codec.errors import GrainError
from grain_codec.weights import find_model, read_model

DEFAULT_MODEL = "face-1024"
CODECS = ("bicubic16", *ORDINARY_CODECS, BlurHash.name, DEFAULT_MODEL)
"""Names that a run can be asked for; other models are given by their weights files."""

DEFAULT_SIZE = 1024
DEFAULT_CAPS = (200, 384, 484, 768)
RUNGS = (120, 200, 300, 484, 768, 1536)
"""Caps of the ordinary codecs' curves; where they are among a run's caps nothing is encoded twice."""

QUICK_RUNGS = (150, 300, 484, 1024)
QUICK_FACES = 4


@dataclass(frozen=True)
class Plan:
    """A run.

    Attributes:
        codecs: names of the ordinary codecs and placeholders.
        models: name in the results, and name or weights file, of each model.
        caps: in bytes, ascending.
        rungs: caps of the ordinary codecs' curves, ascending.
        efforts: of the models' search.
        metrics: as from `choose_metrics`.
        lpips_weights: paths of the weights that LPIPS needs.
        quick: fewer sizes are tried, and encoders take less time.
        device: that models run on.
        size: side of the faces in pixels.
        curves: whether every point of the codecs' curves is measured, beside the caps.
        picture_cap: the cap whose pictures are kept for the report.
    """

    codecs: tuple[str, ...]
    models: tuple[tuple[str, str], ...]
    caps: tuple[int, ...] = DEFAULT_CAPS
    rungs: tuple[int, ...] = RUNGS
    efforts: tuple[int, ...] = (0,)
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
        """Of all codecs, as in the results."""
        return (*self.codecs, *(name for name, _ in self.models))


def make_codec(plan: Plan, name: str) -> FaceCodec:
    """A codec of a plan by its name.

    Raises:
        PackageMissing: it needs a package that is not installed.
        WrongModel: its weights are not usable.
    """
    if name in ORDINARY_CODECS:
        return ORDINARY_CODECS[name](plan.rungs, plan.quick)
    if name == Bicubic16.name:
        return Bicubic16()
    if name == BlurHash.name:
        return BlurHash()
    from grain_codec.benchmarks.codecs.model import ModelCodec

    return ModelCodec(dict(plan.models)[name], name, plan.efforts, plan.device)


def choose_codecs(asked: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
    """The ordinary codecs and placeholders of a run, and a warning for each that is not to be had here.

    Args:
        asked: names; empty for all that there are.

    Raises:
        GrainError: a name is unknown.
        PackageMissing: one that was asked for needs a package.
    """
    for name in asked:
        if name not in CODECS:
            raise GrainError(f"unknown codec {name!r}; there are {', '.join(CODECS)}")
    available, warnings = [], []
    for name in CODECS[:-1]:
        if asked and name not in asked:
            continue
        try:
            make_codec(Plan((), ()), name)
        except PackageMissing as error:
            if asked:
                raise
            warnings.append(f"{name} is left out: {error}")
        else:
            available.append(name)
    return tuple(available), warnings


def choose_models(sources: tuple[str, ...]) -> tuple[tuple[tuple[str, str], ...], int]:
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
        (name if names.count(name) == 1 else f"{name}-{model.fingerprint.hex()}", source)
        for name, (source, model) in zip(names, files, strict=True)
    )
    sizes = sorted({model.spec.image_size for _, model in files})
    if len(sizes) > 1:
        raise GrainError(f"the models take faces of different sizes: {', '.join(map(str, sizes))}")
    return models, sizes[0] if sizes else DEFAULT_SIZE
