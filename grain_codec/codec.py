"""Faces to bytes and back: the one file that knows networks, entropy coders and containers.

`FaceFiles` goes between bytes and symbols and needs no torch; `Codec` adds the networks. What differs between
kinds of model, their coders and encoders hide: `payloads.py` and `encoding.py`.

    codec = load_model()
    data = codec.encode_face(pixels, max_bytes=300)
    pixels = codec.decode_face(data)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from grain_codec.errors import BadImage, TooLarge, WrongModel
from grain_codec.formats import container, png_carrier
from grain_codec.models.payloads import AnySymbols, Code, Stored, coder_of
from grain_codec.weights import ModelFile, find_model, load_networks, read_model

if TYPE_CHECKING:
    import torch
    from torch import Tensor

DEFAULT_MODEL = "face-1024"
DEFAULT_QUALITY = 5
CARRIERS = ("grain", "png")
PRECISIONS = ("auto", "float32", "bfloat16")
MOST_QUALITY = 8
MOST_EFFORT = 9

Chunks = tuple[container.Chunk, ...]


class FaceFiles:
    """Reads and writes the files of one model: bytes <-> symbols, and the LR image of either."""

    def __init__(self, model: ModelFile):
        self.model, self.spec, self.coder = model, model.spec, coder_of(model)

    def write(self, symbols: AnySymbols, carrier: str, chunks: Chunks = ()) -> bytes:
        """A whole file, as `.grain` or as the 16x16 PNG."""
        return self.wrap(symbols, self.coder.encode(symbols), carrier, chunks)

    def payload(self, symbols: AnySymbols) -> bytes:
        """The entropy-coded symbols, without anything around them."""
        return self.coder.encode(symbols)[1]

    def wrap(self, symbols: AnySymbols, stored: Stored, carrier: str, chunks: Chunks = ()) -> bytes:
        """A whole file of symbols and of what they are coded as, with chunks in any order."""
        chunks = tuple(sorted(chunks, key=lambda chunk: chunk.tag))
        if carrier == "grain":
            fine_quality, payload = stored
            return container.pack(container.StoredFace(fine_quality, self.model.coding_fingerprint, payload, chunks))
        pixels, fingerprint = self.coder.to_low_resolution(symbols), self.model.coding_fingerprint
        return png_carrier.pack(png_carrier.Carrier(pixels, symbols.fine_quality, fingerprint, chunks))

    def read(self, data: bytes, fine_quality: int | None = None) -> AnySymbols:
        """The symbols in a file of either kind.

        Args:
            fine_quality: for a carrier that has lost its private chunk; ignored otherwise.

        Raises:
            GrainError: the file is damaged, not ours, or of another model.
        """
        if not png_carrier.is_png(data):
            stored = container.unpack(data)
            self.model.check_fingerprint(stored.fingerprint)
            return self.coder.decode(stored.fine_quality, stored.payload)
        carrier = png_carrier.unpack(data)
        if carrier.fingerprint is not None:
            self.model.check_fingerprint(carrier.fingerprint)
            fine_quality = carrier.fine_quality
        return self.coder.from_low_resolution(carrier.pixels, fine_quality)

    def low_resolution(self, symbols: AnySymbols) -> np.ndarray:
        """The LR image of a face, uint8 `[16, 16, 3]`."""
        return self.coder.to_low_resolution(symbols)


class Codec:
    """A model on a device: pixels to files and back."""

    def __init__(self, model: ModelFile, device: torch.device, precision: str = "auto"):
        """See `load_model`, which also refuses a precision that the device is slow in."""
        from grain_codec.models.encoding import encoder_of

        self.spec, self.files, self.device = model.spec, FaceFiles(model), device
        self.precision = precision
        self.networks = load_networks(model).to(device)
        self._encoder = encoder_of(self.networks, self.files.coder)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The pictures that the weights can draw, of "fused", "rescaled" and "prior" in this order."""
        return self.networks.outputs

    def encode_face(
        self,
        pixels: np.ndarray,
        quality: int = DEFAULT_QUALITY,
        max_bytes: int | None = None,
        carrier: str = "grain",
        effort: int = 0,
        chunks: Chunks = (),
    ) -> bytes:
        """Encodes a face.

        A model of the published kind has one quality and nothing to search for: with it, `quality` and
        `effort` change nothing.

        Args:
            pixels: uint8 `[S, S, 3]`, S the model's image size, aligned as FFHQ is.
            quality: 1 (smallest) to 8; ignored with `max_bytes`.
            max_bytes: the best quality whose whole file is at most this long.
            carrier: "grain", or "png" for the 16x16 PNG.
            effort: 0 is one pass; 1 to 9 search for a nearer face in no more bytes.
            chunks: what travels along; `max_bytes` counts it too.

        Raises:
            BadImage: the pixels have another shape or type, or the carrier has no room for the chunks.
            TooLarge: not even the lowest quality fits; the text names its size.
        """
        [encoded] = self.encode_faces([pixels], quality, max_bytes, carrier, effort, [chunks])
        if isinstance(encoded, TooLarge):
            raise encoded
        return encoded

    def encode_faces(
        self,
        pixels: Sequence[np.ndarray],
        quality: int = DEFAULT_QUALITY,
        max_bytes: int | None = None,
        carrier: str = "grain",
        effort: int = 0,
        chunks: Sequence[Chunks] | None = None,
        code: Code | None = None,
    ) -> list[bytes | TooLarge]:
        """Encodes faces together, which pays on a GPU; see `encode_face`.

        Args:
            pixels: one or more faces, as many as the device has memory for.
            chunks: what travels along with each.
            code: what the model's coder does face by face, for those who have processes for it; a search for
                nearer symbols does without.

        Returns:
            The file of each face, or the error of one that does not fit.

        Raises:
            BadImage: see `encode_face`.
        """
        from grain_codec.models.encoding import Request

        if carrier not in CARRIERS:
            raise ValueError(f"carrier {carrier!r} is none of {', '.join(CARRIERS)}")
        if not 1 <= quality <= MOST_QUALITY:
            raise ValueError(f"quality {quality} is outside 1..{MOST_QUALITY}")
        if not 0 <= effort <= MOST_EFFORT:
            raise ValueError(f"effort {effort} is outside 0..{MOST_EFFORT}")

        def request(chunks: Chunks) -> Request:
            return Request(quality, max_bytes, effort, lambda *coded: self.files.wrap(*coded, carrier, chunks))

        along = chunks or [()] * len(pixels)
        encoded = self._encoder.encode(self._images(pixels), [request(each) for each in along], code)
        return [_with_share(result, each) if each else result for result, each in zip(encoded, along)]

    def decode_face(self, data: bytes, fine_quality: int | None = None, output: str | None = None) -> np.ndarray:
        """Decodes a file of either kind.

        Args:
            data: bytes of the file.
            fine_quality: for a carrier that has lost its private chunk; ignored otherwise.
            output: one of `outputs`; None means the first.

        Returns:
            uint8 `[S, S, 3]`.

        Raises:
            WrongModel: the weights cannot draw `output`, or the file is of other weights.
            GrainError: the file is damaged or not ours.
        """
        return self.draw(self.files.read(data, fine_quality), output)

    def draw(self, symbols: AnySymbols, output: str | None = None) -> np.ndarray:
        """The face that symbols stand for, uint8 `[S, S, 3]`; see `draw_batch`."""
        return self.draw_batch([symbols], output)[0]

    def draw_batch(self, symbols: Sequence[AnySymbols], output: str | None = None) -> np.ndarray:
        """The faces that symbols stand for.

        Args:
            symbols: one or more, of any quality each.
            output: one of `outputs`; None means the first.

        Returns:
            uint8 `[B, S, S, 3]`.

        Raises:
            WrongModel: the weights cannot draw `output`; the text names what they can.
        """
        import torch

        output = self.checked_output(output)
        halved = self.precision == "bfloat16"
        # Without its cache of weights autocast would cast them for every call, with it they outlive the call.
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, halved, cache_enabled=False):
            inputs = [torch.from_numpy(values).to(self.device) for values in self.files.coder.network_inputs(symbols)]
            return self.networks.draw_pixels(*inputs, output=output).cpu().numpy()

    def checked_output(self, output: str | None) -> str:
        """The name of a picture that the weights can draw, which None leaves to them; see `draw_batch`."""
        if output is not None and output not in self.outputs:
            raise WrongModel(f"{self.spec.name} cannot draw {output!r}; it has {', '.join(self.outputs)}")
        return output or self.outputs[0]

    def analyse(self, pixels: np.ndarray, fine_quality: int) -> AnySymbols:
        """The symbols of a face uint8 `[S, S, 3]` at a fine quality."""
        return self._encoder.analyse(self._images([pixels]), fine_quality)

    def _images(self, pixels: Sequence[np.ndarray]) -> Tensor:
        """Faces on the device, `[B, 3, S, S]` in [0, 1]."""
        import torch

        size = self.spec.image_size
        for face in pixels:
            if face.shape != (size, size, 3) or face.dtype != np.uint8:
                raise BadImage(f"a face is uint8 [{size}, {size}, 3], not {face.dtype} {list(face.shape)}")
        return torch.from_numpy(np.stack(pixels)).to(self.device).permute(0, 3, 1, 2).float() / 255


def _with_share(result: bytes | TooLarge, chunks: Chunks) -> bytes | TooLarge:
    """A refusal that also says how much of the size travels along."""
    if isinstance(result, bytes):
        return result
    return TooLarge(f"{result}, {sum(len(chunk.content) for chunk in chunks)} of them for what travels along")


@lru_cache(maxsize=4)
def load_model(name: str = DEFAULT_MODEL, device: str = "auto", precision: str = "auto") -> Codec:
    """A codec ready to use; the same object for the same arguments.

    Args:
        name: a model that is shipped or in the user's folder, or the path of a weights file.
        device: "auto" takes a GPU when there is one; else what torch calls it.
        precision: what face-1024 is drawn in, one of PRECISIONS; "auto" is float32, and float16 for batches on a
            GPU. Symbols, and so files, are the same in all.

    Raises:
        WrongModel: there is no such model, its file is not usable, there is no such device, or it has no
            arithmetic of the precision.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        place = torch.device(device)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        raise WrongModel(f"device {device!r} is not usable: {str(error).splitlines()[0]}") from error
    _check_precision(precision, place)
    return Codec(read_model(find_model(name)), place, precision)


def _check_precision(precision: str, device: torch.device) -> None:
    """Refuses what the device would only imitate, many times slower."""
    import torch

    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r} is none of {', '.join(PRECISIONS)}")
    # What torch itself asks before it hands a convolution in bfloat16 to its library.
    if precision == "bfloat16" and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise WrongModel("this processor does not compute in bfloat16")


def low_resolution_image(data: bytes, model: str = DEFAULT_MODEL, fine_quality: int | None = None) -> np.ndarray:
    """The LR image uint8 `[16, 16, 3]` of a file of either kind, without any network."""
    files = _files_of(model)
    return files.low_resolution(files.read(data, fine_quality))


def read_chunks(data: bytes) -> Chunks:
    """What travels along in a file of either kind; no model is needed.

    Raises:
        GrainError: the file is damaged or not ours.
    """
    if png_carrier.is_png(data):
        return png_carrier.unpack(data).chunks
    return container.unpack(data).chunks


def describe(data: bytes, model: str = DEFAULT_MODEL, fine_quality: int | None = None) -> dict[str, str | int | float]:
    """What a file says of itself, read down to its last symbol and without any network.

    Args:
        fine_quality: for a carrier that has lost its private chunk; ignored otherwise.

    Raises:
        GrainError: the file is damaged or of another model.
    """
    files = _files_of(model)
    symbols = files.read(data, fine_quality)
    is_carrier = png_carrier.is_png(data)
    rows: dict[str, str | int | float] = {
        "format": "16x16 PNG carrier" if is_carrier else ".grain",
        "bytes": len(data),
        "model": files.spec.name,
        "fingerprint": files.model.coding_fingerprint.hex(),
        "fine quality": symbols.fine_quality,
        "quality": files.spec.nearest_level(symbols.fine_quality),
        "payload bytes": len(files.payload(symbols)),
        **files.coder.describe(symbols),
        "image": f"{files.spec.image_size}x{files.spec.image_size} RGB",
    }
    if is_carrier:
        chunks = png_carrier.unpack(data).chunks
        rows.update((f"field {container.CHUNK_NAMES[chunk.tag]}", f"{len(chunk.content)} B") for chunk in chunks)
    else:
        rows.update((f"field {name}", value) for name, value in container.describe(data))
    return rows


@lru_cache(maxsize=4)
def _files_of(model: str) -> FaceFiles:
    return FaceFiles(read_model(find_model(model)))
