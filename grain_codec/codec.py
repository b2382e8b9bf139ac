"""Faces to bytes and back: the one file that knows networks, entropy coders and containers.

`FileCodec` goes between bytes and symbols and needs no torch. A `Decoder` draws faces too: `OnnxDecoder` with ONNX
Runtime, and `Codec` with torch, which alone encodes. What differs between families of models, `models/family.py` hides.

    codec = load_model()
    data = codec.encode(pixels, EncodeSettings(max_bytes=300))
    pixels = load_decoder().decode(data)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from grain_codec.errors import BadImage, TooLarge, WrongModel
from grain_codec.formats import container, png_carrier
from grain_codec.formats.alignment.placement import find_alignment
from grain_codec.formats.images.grey import is_grey, without_colour
from grain_codec.models.family import Code, Payload, Request, Rows, Symbols
from grain_codec.models.registry import family_of
from grain_codec.portable.engine import choose_engine, require_torch
from grain_codec.portable.session import OnnxNetworks
from grain_codec.settings import DEFAULT_MODEL, PRECISIONS, Chunk, DecodeSettings, EncodeSettings, ModelChoice
from grain_codec.weights import ModelFile, find_model, load_networks, read_model

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Pixels = npt.NDArray[np.uint8]
Chunks = tuple[Chunk, ...]


@dataclass(frozen=True)
class FaceFile:
    """The symbols, payload and metadata of one file."""

    symbols: Symbols  # The face's symbols.
    # The coded symbols; None where the LR image of a carrier holds the symbols themselves.
    payload: Payload | None
    carrier: str  # "grain" or "png".
    chunks: Chunks  # The metadata in the file.
    grey: bool  # The photograph had no colour, and the face is drawn without any.
    data: bytes  # The file's bytes.

    def coloured(self, drawn: Pixels) -> Pixels:
        """What was drawn of the symbols, uint8 `[S, S, 3]`, without colour where the photograph had none."""
        return without_colour(drawn) if self.grey else drawn


class FileCodec:
    """Reads and writes the files of one model: bytes <-> symbols, and the LR image of either."""

    def __init__(self, model: ModelFile):
        """Raises WrongModel where the model's tables are not usable."""
        self.model, self.spec, self.coder = model, model.spec, model.coder()

    def write(self, symbols: Symbols, payload: Payload, settings: EncodeSettings, grey: bool = False) -> bytes:
        """The whole file of symbols and of what they are coded as, in the carrier and with the chunks asked for.

        `grey` says that the photograph had no colour.
        """
        chunks = tuple(sorted(settings.chunks, key=lambda chunk: chunk.tag))
        fingerprint = self.model.coding_fingerprint
        if settings.carrier == "grain":
            return container.pack(container.StoredFace(payload.fine_quality, fingerprint, payload.data, chunks, grey))
        pixels = self.coder.to_lr_image(symbols, payload)
        tail = self.coder.tail(payload)
        return png_carrier.pack(png_carrier.Carrier(pixels, symbols.fine_quality, fingerprint, chunks, tail, grey))

    def read(self, data: bytes, fine_quality: int | None = None) -> FaceFile:
        """Reads a file of either kind down to its last symbol.

        `fine_quality` is for a carrier that has lost its private chunk. Raises GrainError for a file that is damaged,
        not ours, or of another model.
        """
        if not png_carrier.is_png(data):
            stored = container.unpack(data)
            self.model.check_fingerprint(stored.fingerprint)
            coded = Payload(stored.fine_quality, stored.payload)
            return FaceFile(self.coder.decode(coded), coded, "grain", stored.chunks, stored.grey, data)
        carrier = png_carrier.unpack(data)
        if carrier.fingerprint is not None:
            self.model.check_fingerprint(carrier.fingerprint)
            fine_quality = carrier.fine_quality
        symbols, payload = self.coder.from_lr_image(carrier.pixels, fine_quality, carrier.tail)
        return FaceFile(symbols, payload, "png", carrier.chunks, carrier.grey, data)

    def lr_image(self, face: FaceFile) -> Pixels:
        """The LR image of a file, uint8 `[16, 16, 3]`."""
        return self.coder.to_lr_image(face.symbols, face.payload)

    def describe(self, face: FaceFile) -> Rows:
        """The description of a file: values by label."""
        payload = face.payload or self.coder.encode(face.symbols)
        rows: Rows = {
            "format": "16x16 PNG carrier" if face.carrier == "png" else ".grain",
            "bytes": len(face.data),
            "model": self.spec.name,
            "fingerprint": self.model.coding_fingerprint.hex(),
            "fine quality": face.symbols.fine_quality,
            "quality": self.spec.quality_of(face.symbols.fine_quality),
            "payload bytes": len(payload.data),
            **self.coder.describe(face.symbols, payload),
            "image": f"{self.spec.image_size}x{self.spec.image_size} {'grey' if face.grey else 'RGB'}",
        }
        if any(chunk.tag == container.ALIGNMENT for chunk in face.chunks):
            rows |= find_alignment(face.chunks).describe()
        if face.carrier == "png":
            fields = [(container.CHUNK_NAMES[chunk.tag], f"{len(chunk.content)} B") for chunk in face.chunks]
        else:
            fields = container.describe(face.data)
        return rows | {f"field {name}": value for name, value in fields}


class Decoder(ABC):
    """A model that draws faces."""

    def __init__(self, model: ModelFile):
        self.spec, self.family, self.files = model.spec, family_of(model.spec), FileCodec(model)

    @property
    @abstractmethod
    def outputs(self) -> tuple[str, ...]:
        """The pictures that can be drawn, of "fused", "rescaled" and "prior" in this order."""

    @abstractmethod
    def _draw_records(self, records: npt.NDArray[Any], output: str) -> Pixels:
        """Draws records `[B, N]` as one of `outputs`, uint8 `[B, S, S, 3]`."""

    def decode(self, data: bytes, settings: DecodeSettings | None = None) -> Pixels:
        """Decodes a file of either kind to uint8 `[S, S, 3]`; raises what `FileCodec.read` and `draw` raise."""
        settings = settings or DecodeSettings()
        return self.draw_file(self.files.read(data, settings.fine_quality), settings.output)

    def draw_file(self, face: FaceFile, output: str | None = None) -> Pixels:
        """The face of a file, uint8 `[S, S, 3]`, without colour where its photograph had none; see `draw`."""
        return face.coloured(self.draw([face.symbols], output)[0])

    def draw(self, symbols: Sequence[Symbols], output: str | None = None) -> Pixels:
        """The faces that symbols of any quality stand for, uint8 `[B, S, S, 3]`.

        `output` is one of `outputs`, the first where it is None. Raises WrongModel, naming the outputs, for any other.
        """
        output = self.checked_output(output)
        return self._draw_records(np.stack([self.files.coder.pack(each) for each in symbols]), output)

    def checked_output(self, output: str | None) -> str:
        """The name of a picture that can be drawn; None means the first. See `draw`."""
        if output is not None and output not in self.outputs:
            raise WrongModel(f"{self.spec.name} cannot draw {output!r}; it has {', '.join(self.outputs)}")
        return output or self.outputs[0]


class OnnxDecoder(Decoder):
    """A model that draws with ONNX Runtime on the CPU, and never loads torch."""

    def __init__(self, model: ModelFile):
        """Raises WrongModel where ONNX Runtime is not installed or a graph of the model is missing."""
        super().__init__(model)
        self._networks = OnnxNetworks(model)

    @property
    def outputs(self) -> tuple[str, ...]:
        """See `Decoder.outputs`."""
        return self._networks.outputs

    def _draw_records(self, records: npt.NDArray[Any], output: str) -> Pixels:
        return self._networks.draw_records(records, output)


class Codec(Decoder):
    """A model on a device, with torch: pixels to files and back."""

    def __init__(self, model: ModelFile, device: torch.device, precision: str = "auto"):
        """See `load_model`, which also refuses a precision that the device is slow in."""
        super().__init__(model)
        self.device, self.precision = device, precision
        self.networks = load_networks(model).to(device)
        self._encoder = self.family.encoder(self.networks, self.files.coder)

    @property
    def outputs(self) -> tuple[str, ...]:
        """See `Decoder.outputs`."""
        return self.networks.outputs

    def encode(self, pixels: Pixels, settings: EncodeSettings | None = None) -> bytes:
        """Encodes a face uint8 `[S, S, 3]`, S the model's image size, aligned as FFHQ is.

        Raises BadImage for pixels of another shape or type and where the carrier has no room for the chunks, and
        TooLarge where not even the lowest quality fits.
        """
        [encoded] = self.encode_batch([pixels], [settings or EncodeSettings()])
        if isinstance(encoded, TooLarge):
            raise encoded
        return encoded

    def encode_batch(
        self, faces: Sequence[Pixels], settings: Sequence[EncodeSettings], code: Code[Any] | None = None
    ) -> list[bytes | TooLarge]:
        """Encodes faces together, which pays on a GPU, each with settings of its own; see `encode`.

        `code` entropy-codes the faces, for those who have processes for it; a search for nearer symbols does without.
        Returns the file of each face, or the error of one that does not fit.
        """
        images = self._images(faces)
        writers = (self._writer(each, is_grey(face)) for face, each in zip(faces, settings))
        encoded = self._encoder.encode(images, list(map(Request, settings, writers)), code)
        return [_explained(result, each) for result, each in zip(encoded, settings)]

    def _draw_records(self, records: npt.NDArray[Any], output: str) -> Pixels:
        import torch

        halved = self.precision == "bfloat16"
        # Without its cache of weights autocast would cast them for every call, with it they outlive the call.
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, halved, cache_enabled=False):
            drawn = self.networks.draw_records(torch.from_numpy(records).to(self.device), output)
        pixels: Pixels = drawn.cpu().numpy()
        return pixels

    def analyse(self, pixels: Pixels, fine_quality: int) -> Symbols:
        """The symbols of a face uint8 `[S, S, 3]` at a fine quality."""
        symbols: Symbols = self._encoder.analyse(self._images([pixels]), fine_quality)
        return symbols

    def _writer(self, settings: EncodeSettings, grey: bool) -> Any:
        """Makes the whole file of symbols and their payload."""
        return lambda symbols, payload: self.files.write(symbols, payload, settings, grey)

    def _images(self, faces: Sequence[Pixels]) -> Tensor:
        """Faces on the device, `[B, 3, S, S]` in [0, 1]."""
        import torch

        size = self.spec.image_size
        for face in faces:
            if face.shape != (size, size, 3) or face.dtype != np.uint8:
                raise BadImage(f"a face is uint8 [{size}, {size}, 3], not {face.dtype} {list(face.shape)}")
        return torch.from_numpy(np.stack(faces)).to(self.device).permute(0, 3, 1, 2).float() / 255


def _explained(result: bytes | TooLarge, settings: EncodeSettings) -> bytes | TooLarge:
    """A refusal also says how much of the size travels along, and that a PNG is large whatever its quality."""
    if isinstance(result, bytes):
        return result
    text = str(result)
    if settings.chunks:
        text += f", {sum(len(chunk.content) for chunk in settings.chunks)} of them for what travels along"
    if settings.carrier == "png":
        text += "; a 16x16 PNG holds 768 samples at any quality, and a .grain file is smaller"
    return TooLarge(text)


@lru_cache(maxsize=4)
def load_model(name: str = DEFAULT_MODEL, device: str = "auto", precision: str = "auto") -> Codec:
    """A codec ready to use; the same object for the same arguments, which `settings.ModelChoice` explains.

    Raises WrongModel where there is no such model or device, the weights file is not usable, the device has no
    arithmetic of the precision, or torch is not installed.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r} is none of {', '.join(PRECISIONS)}")
    require_torch()
    from grain_codec.ops.devices import check_precision, compute_after_forks, pick_device

    compute_after_forks()
    place = pick_device(device)
    check_precision(precision, place)
    return Codec(read_model(find_model(name)), place, precision)


@lru_cache(maxsize=4)
def load_decoder(
    name: str = DEFAULT_MODEL, device: str = "auto", precision: str = "auto", engine: str = "auto"
) -> Decoder:
    """What draws the faces of a model: with ONNX Runtime or with torch, as `choose_engine` says; see `load_model`."""
    model = read_model(find_model(name))
    chosen, _ = choose_engine(model, ModelChoice(name=name, device=device, precision=precision, engine=engine))
    return load_model(name, device, precision) if chosen == "torch" else OnnxDecoder(model)


@lru_cache(maxsize=4)
def file_codec(model: str = DEFAULT_MODEL) -> FileCodec:
    """The object that reads and writes the files of a model without any network; see `load_model`."""
    return FileCodec(read_model(find_model(model)))


def low_resolution_image(data: bytes, model: str = DEFAULT_MODEL, fine_quality: int | None = None) -> Pixels:
    """The LR image uint8 `[16, 16, 3]` of a file of either kind, without any network; see `FileCodec.read`."""
    files = file_codec(model)
    return files.lr_image(files.read(data, fine_quality))


def describe(data: bytes, model: str = DEFAULT_MODEL, fine_quality: int | None = None) -> Rows:
    """The description of a file, which is decoded in full but without any network; see `FileCodec.read`."""
    files = file_codec(model)
    return files.describe(files.read(data, fine_quality))


def read_chunks(data: bytes) -> Chunks:
    """The metadata in a file of either kind; needs no model. Raises GrainError for a damaged or foreign file."""
    if png_carrier.is_png(data):
        return png_carrier.unpack(data).chunks
    return container.unpack(data).chunks
