"""How face-1024 is trained and exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.training.face1024.drawing_stage import DrawingStage
from grain_codec.training.face1024.export import export_drawing, export_rescaling
from grain_codec.training.face1024.rescaling_stage import RescalingStage
from grain_codec.training.family import TrainingFamily
from grain_codec.training.runs.stage_run import StageRun, Tell
from grain_codec.training.settings import ExportSettings, LossSettings, ModuleFiles, RunSettings
from grain_codec.training.stages import STAGES

_OF_DRAWING_STAGES = {
    *(field.name for kind in (LossSettings, ModuleFiles) for field in fields(kind)),
    "discriminator_weights",
    "adv_window",
    "official_noise",
} - {"exp_dir"}


class Face1024Training(TrainingFamily[Face1024Spec]):
    """The rescaling stage minimises bits and squared error; the others draw on what it has left."""

    def refused_options(self, stage: str) -> Mapping[str, str]:
        """See `TrainingFamily.refused_options`."""
        if stage == "rescaling":
            reason = "is not for this stage of face-1024, which has a loss of its own"
            return dict.fromkeys(_OF_DRAWING_STAGES, reason)
        return dict.fromkeys(("generator_weights", "official_noise", "lr"), "is for grain-2022")

    def stage_run(self, stage: str, spec: Face1024Spec, settings: RunSettings) -> StageRun[Any, Any]:
        """See `TrainingFamily.stage_run`."""
        if stage == "rescaling":
            return RescalingStage(spec, settings)
        return DrawingStage(STAGES[stage], spec, settings)

    def export(self, spec: Face1024Spec, settings: ExportSettings, tell: Tell) -> Path:
        """See `TrainingFamily.export`: a rescaling module with new tables where there are faces to fit them to."""
        if settings.data:
            return export_rescaling(spec, settings, tell)
        return export_drawing(spec, settings)
