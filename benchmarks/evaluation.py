"""The test of a model on a folder of faces: its pictures as files, and a table of their distances."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import torch
from grain_codec.benchmarks.metrics.metrics import psnr
from grain_codec.formats.images.face_sets import FaceSet
from grain_codec.formats.images.reading import resize_square
from grain_codec.formats.images.writing import write_image
from torch import Tensor

from grain_codec.codec import DEFAULT_QUALITY, Codec, load_model
from grain_codec.models.grain2022.networks import Grain2022, to_samples
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.ops.devices import pick_device
from grain_codec.training.family import read_sizes, training_of
from grain_codec.training.judges.identity import load_identity
from grain_codec.training.judges.perceptual import load_perceptual
from grain_codec.training.settings import ModuleFiles, UnusableSettings
from grain_codec.whole_files import write_whole

LR_IMAGE = "lr"
PICTURES = ("rescaled", "prior", "fused")
COMPARISON = "comparison"
TABLE = "metrics.csv"

Pictures = dict[str, np.ndarray]
"""`lr`, uint8 `[16, 16, 3]`, and those of PICTURES that a model draws, uint8 `[S, S, 3]`."""


def evaluate_model(
    sources: list[Path],
    output_dir: Path,
    modules: ModuleFiles,
    model: str,
    quality: int | None,
    lpips_weights: tuple[Path, ...],
    identity_weights: Path | None,
    official_quirks: bool,
    force: bool,
    device: str,
) -> None:
    """Writes the pictures and the table; see `grain-train evaluate --help`."""
    place = pick_device(device)
    size, pictures_of = _tested_model(model, modules, quality, official_quirks, place)
    faces = FaceSet(sources, size, "bilinear")
    distances = Distances(lpips_weights, identity_weights, place)
    rows = []
    for index, name in enumerate(_file_names(faces)):
        face = faces[index].transpose(1, 2, 0)
        pictures = pictures_of(face)
        _write_pictures(output_dir, name, face, pictures, force)
        rows += [{"face": name, "picture": kind, **distances.of(kind, found, face)} for kind, found in pictures.items()]
    write_whole(str(output_dir / TABLE), _table(rows), force)
    for line in _mean_lines(rows):
        click.echo(line)


class Distances:
    """The distances that a table has a column for."""

    def __init__(self, lpips_weights: tuple[Path, ...], identity_weights: Path | None, device: torch.device):
        self.device = device
        self.judges = {}
        if lpips_weights:
            self.judges["lpips"] = load_perceptual(lpips_weights).to(device)
        if identity_weights is not None:
            self.judges["identity"] = load_identity(identity_weights).to(device)

    @torch.inference_mode()
    def of(self, kind: str, found: np.ndarray, face: np.ndarray) -> dict[str, float]:
        """Distances of a picture from the face, or of an LR image from the face's antialiased 16x16 view."""
        if kind == LR_IMAGE:
            return {"psnr": psnr(found, resize_square(face, len(found)))}
        one, other = (_to_tensor(pixels, self.device) for pixels in (found, face))
        return {"psnr": psnr(found, face), **{name: float(judge(one, other)) for name, judge in self.judges.items()}}


def _tested_model(
    model: str, modules: ModuleFiles, quality: int | None, quirks: bool, device: torch.device
) -> tuple[int, Callable[[np.ndarray], Pictures]]:
    """Side of the faces that a model takes, and what it makes of one."""
    is_trained_here = modules.exp_dir is not None or modules.rescaling_checkpoint is not None
    if is_trained_here:
        spec = read_sizes(model)
        networks = training_of(spec).trained_networks(spec, modules)
    else:
        codec = load_model(model, str(device))
        if not isinstance(codec.spec, Grain2022Spec):
            if quirks:
                raise UnusableSettings("--official-quirks are those of grain-2022.")
            return codec.spec.image_size, lambda face: _through_codec(codec, face, quality)
        spec, networks = codec.spec, codec.networks
    networks = networks.to(device)
    return spec.image_size, lambda face: _through_networks(networks, _to_tensor(face, device), quirks)


def _through_codec(codec: Codec, face: np.ndarray, quality: int | None) -> Pictures:
    """What comes back of a face's file, at a quality level."""
    levels = codec.spec.quality_levels
    fine_quality = levels[min(quality or DEFAULT_QUALITY, len(levels)) - 1]
    symbols = codec.analyse(face, fine_quality)
    found = {LR_IMAGE: codec.files.low_resolution(symbols)}
    return found | {kind: codec.draw(symbols, kind) for kind in PICTURES if kind in codec.outputs}


@torch.inference_mode()
def _through_networks(networks: Grain2022, face: Tensor, quirks: bool) -> Pictures:
    """What comes back of a face `[1, 3, S, S]` in [-1, 1] through its LR image."""
    lr = networks.quantise(networks.encode(face), quirks)
    found = {LR_IMAGE: lr}
    found["rescaled"], features = networks.rescaling.dec(lr)
    if "prior" in networks:
        found["prior"], generated = networks.prior(features, quirks)
    if "fusion" in networks:
        found["fused"] = networks.fusion(features[-len(generated) :], generated)
    return {kind: to_samples(picture, quirks)[0].permute(1, 2, 0).cpu().numpy() for kind, picture in found.items()}


def _to_tensor(pixels: np.ndarray, device: torch.device) -> Tensor:
    """uint8 `[S, S, 3]` -> `[1, 3, S, S]` in [-1, 1]."""
    return torch.from_numpy(pixels.copy()).to(device).permute(2, 0, 1)[None].float() / 127.5 - 1


def _file_names(faces: FaceSet) -> Iterator[str]:
    """The stem of every face, numbered where several have the same."""
    seen: Counter[str] = Counter()
    for place in faces.places:
        seen[place.stem] += 1
        yield place.stem if seen[place.stem] == 1 else f"{place.stem}-{seen[place.stem]}"


def _write_pictures(folder: Path, name: str, face: np.ndarray, pictures: Pictures, force: bool) -> None:
    """One PNG a picture, each kind in a folder of its own, and all of them side by side."""
    enlarged = pictures[LR_IMAGE].repeat(len(face) // len(pictures[LR_IMAGE]), 0)
    enlarged = enlarged.repeat(len(enlarged) // len(pictures[LR_IMAGE]), 1)
    large = [face, enlarged, *(pictures[kind] for kind in PICTURES if kind in pictures)]
    for kind, pixels in {**pictures, COMPARISON: np.concatenate(large, 1)}.items():
        path = folder / kind / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(str(path), write_image(np.ascontiguousarray(pixels), "PNG"), force)


def _table(rows: list[dict[str, str | float]]) -> bytes:
    """A CSV row for each picture of each face."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: f"{value:.5f}" if isinstance(value, float) else value for name, value in row.items()})
    return text.getvalue().encode()


def _mean_lines(rows: list[dict[str, str | float]]) -> Iterator[str]:
    """The means over the faces, a line for each picture."""
    for kind in dict.fromkeys(row["picture"] for row in rows):
        of_kind = [row for row in rows if row["picture"] == kind]
        figures = [name for name, value in of_kind[0].items() if isinstance(value, float)]
        means = "  ".join(f"{name} {np.mean([row[name] for row in of_kind]):.3f}" for name in figures)
        yield f"{kind:10} {means}  ({len(of_kind)} faces)"
