"""The test of a model on a folder of faces: its pictures as files, and a table of their distances."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from grain_codec.benchmarks.metrics.psnr import psnr
from grain_codec.codec import Codec, Pixels, load_model
from grain_codec.formats.images.face_sets import FaceSet
from grain_codec.formats.images.reading import resize_square
from grain_codec.formats.images.writing import write_image
from grain_codec.ops.devices import pick_device
from grain_codec.settings import DEFAULT_MODEL, DEFAULT_QUALITY
from grain_codec.training.family import read_sizes, training_of
from grain_codec.training.judges.identity import load_identity
from grain_codec.training.judges.perceptual import load_perceptual
from grain_codec.training.settings import ModuleFiles, UnusableSettings
from grain_codec.weights import NETWORKS, ModelFile
from grain_codec.whole_files import write_whole

LR_IMAGE = "lr"
PICTURES = ("rescaled", "prior", "fused")
COMPARISON = "comparison"
TABLE = "metrics.csv"

Pictures = dict[str, Pixels]  # `lr`, uint8 `[16, 16, 3]`, and those of PICTURES that a model draws, uint8 `[S, S, 3]`.

TableRow = dict[str, str | float]  # The cells of one picture of one face by column.


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """The settings of the test of a model, as a user gives them."""

    faces: tuple[Path, ...]  # Folders of faces, tar shards or images.
    output_dir: Path  # Where the pictures and the table go.
    model: str = DEFAULT_MODEL  # A shipped model or a weights file; with trained modules, the sizes as for training.
    modules: ModuleFiles  # The trained modules to test instead of a weights file.
    quality: int | None = None  # From 0 to 100, of a model that has several; None for the default.
    lpips_weights: tuple[Path, ...] = ()  # Files of LPIPS, to measure it too.
    identity_weights: Path | None = None  # File of a face recogniser, to measure its distance too.
    official_quirks: bool = False  # Does what the published test program does instead of what a file holds.
    force: bool = False  # Whether files may be replaced.
    device: str = "auto"  # "auto", or what torch calls the device.


def evaluate_model(settings: EvaluationSettings, tell: Callable[[str], None]) -> None:
    """Writes the pictures and the table, and tells the means.

    Raises:
        UnusableSettings: the settings do not go together.
        WrongModel: a file is not usable.
        FileExistsError: there is such a file, and `force` is not given.
    """
    codec = _tested_codec(settings)
    faces = FaceSet(list(settings.faces), codec.spec.image_size, "bilinear")
    distances = Distances(settings, codec.device)
    rows: list[TableRow] = []
    for index, name in enumerate(_file_names(faces)):
        face = faces[index].transpose(1, 2, 0)
        pictures = _official_pictures(codec, face) if settings.official_quirks else _pictures(codec, face, settings)
        _write_pictures(settings, name, face, pictures)
        rows += [{"face": name, "picture": kind, **distances.of(kind, found, face)} for kind, found in pictures.items()]
    write_whole(settings.output_dir / TABLE, _table(rows), settings.force)
    for line in _mean_lines(rows):
        tell(line)


class Distances:
    """The distances that a table has a column for."""

    def __init__(self, settings: EvaluationSettings, device: torch.device):
        """Loads the networks that judge; raises WrongModel where a file is not usable."""
        self.device = device
        self.judges: dict[str, torch.nn.Module] = {}
        if settings.lpips_weights:
            self.judges["lpips"] = load_perceptual(settings.lpips_weights).to(device)
        if settings.identity_weights is not None:
            self.judges["identity"] = load_identity(settings.identity_weights).to(device)

    @torch.inference_mode()
    def of(self, kind: str, found: Pixels, face: Pixels) -> dict[str, float]:
        """Distances of a picture from the face, or of an LR image from the face's antialiased 16x16 view."""
        if kind == LR_IMAGE:
            return {"psnr": psnr(found, resize_square(face, len(found)))}
        one, other = (_to_tensor(pixels, self.device) * 2 - 1 for pixels in (found, face))
        return {"psnr": psnr(found, face), **{name: float(judge(one, other)) for name, judge in self.judges.items()}}


def _tested_codec(settings: EvaluationSettings) -> Codec:
    """The codec of a weights file, or one of trained modules, which need no export for that."""
    modules = settings.modules
    if modules.exp_dir is None and modules.rescaling_checkpoint is None:
        return load_model(settings.model, settings.device)
    spec = read_sizes(settings.model)
    networks = training_of(spec).trained_networks(spec, modules)
    tensors = {f"{NETWORKS}{name}": value.numpy() for name, value in networks.state_dict().items()}
    return Codec(ModelFile(Path(settings.model), spec, "", tensors), pick_device(settings.device))


def _pictures(codec: Codec, face: Pixels, settings: EvaluationSettings) -> Pictures:
    """The LR image and every picture that the model draws from a face's symbols at the chosen quality."""
    quality = DEFAULT_QUALITY if settings.quality is None else settings.quality
    symbols = codec.analyse(face, codec.spec.fine_quality_of(quality))
    found = {LR_IMAGE: codec.files.coder.to_lr_image(symbols)}
    return found | {kind: codec.draw([symbols], kind)[0] for kind in PICTURES if kind in codec.outputs}


@torch.inference_mode()
def _official_pictures(codec: Codec, face: Pixels) -> Pictures:
    """The pictures that the published test program draws of a face."""
    drawn = codec.networks.official_pictures(_to_tensor(face, codec.device))
    if drawn is None:
        raise UnusableSettings("--official-quirks are those of grain-2022.")
    return {kind: picture[0].permute(1, 2, 0).cpu().numpy() for kind, picture in drawn.items()}


def _to_tensor(pixels: Pixels, device: torch.device) -> Tensor:
    """uint8 `[S, S, 3]` -> `[1, 3, S, S]` in [0, 1]."""
    return torch.from_numpy(pixels.copy()).to(device).permute(2, 0, 1)[None].float() / 255


def _file_names(faces: FaceSet) -> Iterator[str]:
    """The stem of every face, numbered where several have the same."""
    seen: Counter[str] = Counter()
    for place in faces.places:
        seen[place.stem] += 1
        yield place.stem if seen[place.stem] == 1 else f"{place.stem}-{seen[place.stem]}"


def _write_pictures(settings: EvaluationSettings, name: str, face: Pixels, pictures: Pictures) -> None:
    """Writes one PNG for each picture, each kind in its own folder, and one that shows all of them side by side."""
    scale = len(face) // len(pictures[LR_IMAGE])
    enlarged = pictures[LR_IMAGE].repeat(scale, 0).repeat(scale, 1)
    large = [face, enlarged, *(pictures[kind] for kind in PICTURES if kind in pictures)]
    for kind, pixels in {**pictures, COMPARISON: np.concatenate(large, 1)}.items():
        path = settings.output_dir / kind / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, write_image(np.ascontiguousarray(pixels), "PNG"), settings.force)


def _table(rows: list[TableRow]) -> bytes:
    """A CSV row for each picture of each face."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: f"{value:.5f}" if isinstance(value, float) else value for name, value in row.items()})
    return text.getvalue().encode()


def _mean_lines(rows: list[TableRow]) -> Iterator[str]:
    """The means over the faces, a line for each picture."""
    for kind in dict.fromkeys(row["picture"] for row in rows):
        of_kind = [row for row in rows if row["picture"] == kind]
        figures = {
            name: [row[name] for row in of_kind] for name, value in of_kind[0].items() if isinstance(value, float)
        }
        means = "  ".join(f"{name} {np.mean(np.array(values, float)):.3f}" for name, values in figures.items())
        yield f"{kind:10} {means}  ({len(of_kind)} faces)"
