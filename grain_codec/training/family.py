"""The interface of a family's training, and the look-up of a family that implements it.

The package that a family names as its `training_module` holds a `TrainingFamily` under the name `TRAINING`. It is
imported when training is asked for: the models know nothing of training, and a new family brings its own.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Generic

from grain_codec.models.family import ModelFamily, SpecType
from grain_codec.models.networks import ReciprocalNetworks
from grain_codec.models.registry import FAMILIES, family_of, read_spec
from grain_codec.models.spec import Spec
from grain_codec.training.runs.stage_run import StageRun, Tell
from grain_codec.training.settings import ExportSettings, ModuleFiles, RunSettings, UnusableSettings


class TrainingFamily(ABC, Generic[SpecType]):
    """How the models of one family are trained and exported."""

    @abstractmethod
    def refused_options(self, stage: str) -> Mapping[str, str]:
        """The options of a stage's command that mean nothing to this family.

        Returns:
            By the option's name, as that of a field of the settings: the rest of a sentence that begins with the
            option, such as "is for face-1024".
        """

    @abstractmethod
    def stage_run(self, stage: str, spec: SpecType, settings: RunSettings) -> StageRun[Any, Any]:
        """A stage of a model: the networks, what they start from, the objective and its adversary.

        Raises:
            UnusableSettings: an option is missing or does not go with the others.
            WrongModel: a file is not usable.
        """

    @abstractmethod
    def export(self, spec: SpecType, settings: ExportSettings, tell: Tell) -> Path:
        """Writes the weights file of a model, as the codec loads it, and returns its path.

        Raises:
            UnusableSettings: an option is missing.
            WrongModel: a file is not usable.
        """

    def trained_networks(self, spec: SpecType, modules: ModuleFiles) -> ReciprocalNetworks:
        """The networks as the stages have left them, to be tested without an export.

        Raises:
            UnusableSettings: a module is missing, or the family's networks make no model without an export.
            WrongModel: a file is not usable.
        """
        raise UnusableSettings(f"{spec.name} is tested as a weights file: make one with grain-train export.")


def training_of(model: ModelFamily[Any, Any] | Spec) -> TrainingFamily[Any]:
    """How the models of a family, or a model of a spec, are trained."""
    family = model if isinstance(model, ModelFamily) else family_of(model)
    training: TrainingFamily[Any] = import_module(family.training_module).TRAINING
    return training


def read_sizes(model: str) -> Spec:
    """The spec of a fresh model: that of a family's name, or in a file SPEC.json.

    Raises:
        WrongModel: the file is no spec.
        UnusableSettings: there is no such family.
        OSError: the file cannot be read.
    """
    if model in FAMILIES:
        spec: Spec = FAMILIES[model].spec_type()
        return spec
    if not model.endswith(".json"):
        raise UnusableSettings(f"-m {model!r} is none of {', '.join(FAMILIES)}, and no file SPEC.json.")
    return read_spec(Path(model).read_text(encoding="utf-8"))
