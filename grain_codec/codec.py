"""Faces to bytes and back: the one file that knows networks, entropy coder and containers.

`FaceFiles` goes between bytes and symbols and needs no torch; `Codec` adds the networks.

    codec = load_model()
    data = codec.encode_face(pixels, max_bytes=300)
    pixels = codec.decode_face(data)
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from grain_codec import low_resolution
from grain_codec.errors import BadImage, Corrupt, NotGrain, TooLarge, WrongModel
from grain_codec.formats import container, png_carrier
from grain_codec.spec import ModelSpec
from grain_codec.symbols import SymbolCoder, Symbols
from grain_codec.weights import ModelFile, find_model, load_networks, read_model

if TYPE_CHECKING:
    import torch
    from torch import Tensor

DEFAULT_MODEL = "face-1024"
DEFAULT_QUALITY = 5
CARRIERS = ("grain", "png")

NOISIEST_BASE = 33
"""Largest base of an LR image that the encoder makes, so that it shows the face at about 28 dB and better."""

MOST_PAYLOAD = low_resolution.largest_payload(NOISIEST_BASE)
MOST_FILE_BYTES = 1 << 16
"""More than any file of either carrier."""

MOST_EFFORT = 9


class FaceFiles:
    """Reads and writes the files of one model: bytes <-> symbols, and the LR image of either."""

    def __init__(self, model: ModelFile):
        self.model, self.spec = model, model.spec
        self.coder = SymbolCoder(model.spec, model.symbol_tables())
        self._thumbnails = model.thumbnail_tables()

    def write(self, symbols: Symbols, carrier: str) -> bytes:
        """A whole file, as `.grain` or as the 16x16 PNG."""
        return self.wrap(self.payload(symbols), symbols, carrier)

    def payload(self, symbols: Symbols) -> bytes:
        """The entropy-coded symbols, without anything around them."""
        return self.coder.encode(symbols)

    def wrap(self, payload: bytes, symbols: Symbols, carrier: str) -> bytes:
        """A whole file around the payload of some symbols."""
        if carrier == "grain":
            return container.pack(container.StoredFace(symbols.fine_quality, self.model.fingerprint, payload))
        pixels = low_resolution.embed(payload, self._thumbnail(symbols))
        return png_carrier.pack(png_carrier.Carrier(pixels, symbols.fine_quality, self.model.fingerprint))

    def ideal_bits(self, symbols: Symbols) -> float:
        """Code length of the symbols under the model's tables."""
        return self.coder.ideal_bits(symbols)

    def read(self, data: bytes, fine_quality: int | None = None) -> Symbols:
        """The symbols in a file of either kind.

        Args:
            fine_quality: for a carrier that has lost its private chunk; ignored otherwise.

        Raises:
            GrainError: the file is damaged, not ours, or of another model.
        """
        if not png_carrier.is_png(data):
            stored = container.unpack(data)
            self.model.check_fingerprint(stored.fingerprint)
            self._check_quality(stored.fine_quality)
            return self.coder.decode(stored.payload, stored.fine_quality)
        carrier = png_carrier.unpack(data)
        if carrier.fine_quality is None:
            if fine_quality is None:
                raise NotGrain("the PNG has lost the chunk that names its quality; give it with --fine-quality")
        else:
            self.model.check_fingerprint(carrier.fingerprint)
            fine_quality = carrier.fine_quality
        self._check_quality(fine_quality)
        return self._symbols_of(carrier.pixels, fine_quality)

    def low_resolution(self, symbols: Symbols) -> np.ndarray:
        """The LR image of a face, uint8 `[16, 16, 3]`."""
        return low_resolution.embed(self.coder.encode(symbols), self._thumbnail(symbols))

    def _symbols_of(self, pixels: np.ndarray, fine_quality: int) -> Symbols:
        """The symbols in an LR image; refuses one that does not show its own payload's thumbnail."""
        payload = low_resolution.extract(pixels)
        symbols = self.coder.decode(payload, fine_quality)
        if not np.array_equal(low_resolution.embed(payload, self._thumbnail(symbols)), pixels):
            raise Corrupt("the LR image was altered, or is of another quality or model")
        return symbols

    def _thumbnail(self, symbols: Symbols) -> np.ndarray:
        return low_resolution.draw_thumbnail(symbols.thumbnail, symbols.fine_quality, self._thumbnails)

    def _check_quality(self, fine_quality: int) -> None:
        """Refuses qualities that these weights do not have."""
        if fine_quality >= self.spec.fine_qualities:
            raise Corrupt(f"fine quality {fine_quality} is beyond the model's {self.spec.fine_qualities - 1}")


class Codec:
    """A model on a device: pixels to files and back."""

    def __init__(self, model: ModelFile, device: torch.device):
        self.spec, self.files, self.device = model.spec, FaceFiles(model), device
        self._rescaling = load_networks(model)["rescaling"].to(device)

    def encode_face(
        self,
        pixels: np.ndarray,
        quality: int = DEFAULT_QUALITY,
        max_bytes: int | None = None,
        carrier: str = "grain",
        effort: int = 0,
    ) -> bytes:
        """Encodes a face.

        Args:
            pixels: uint8 `[S, S, 3]`, S the model's image size, aligned as FFHQ is.
            quality: 1 (smallest) to 8; ignored with `max_bytes`.
            max_bytes: the best quality whose whole file is at most this long.
            carrier: "grain", or "png" for the 16x16 PNG.
            effort: 0 is one pass; 1 to 9 search for a nearer face in no more bytes.

        Raises:
            BadImage: the pixels have another shape or type.
            TooLarge: not even the lowest quality fits; the text names its size.
        """
        if carrier not in CARRIERS:
            raise ValueError(f"carrier {carrier!r} is none of {', '.join(CARRIERS)}")
        if not 1 <= quality <= len(self.spec.quality_levels):
            raise ValueError(f"quality {quality} is outside 1..{len(self.spec.quality_levels)}")
        if not 0 <= effort <= MOST_EFFORT:
            raise ValueError(f"effort {effort} is outside 0..{MOST_EFFORT}")
        thumbnail, view = self._views(pixels)
        if max_bytes is None:
            finest, most_bytes = self.spec.quality_levels[quality - 1], MOST_FILE_BYTES
        else:
            finest, most_bytes = self.spec.fine_qualities - 1, max_bytes
        symbols = self._finest_that_fits(thumbnail, view, finest, most_bytes, carrier)
        if effort:
            from grain_codec.search import Search

            most_bytes = max_bytes or len(self.files.write(symbols, carrier))
            fits = partial(self._fits, most_bytes=most_bytes, carrier=carrier)
            symbols = Search(self._rescaling, self.files.coder, thumbnail, view, fits).run(symbols, effort)
        return self.files.write(symbols, carrier)

    def decode_face(self, data: bytes, fine_quality: int | None = None) -> np.ndarray:
        """Decodes a file of either kind to uint8 `[S, S, 3]`; see `FaceFiles.read` for what it raises."""
        return self.draw(self.files.read(data, fine_quality))

    def draw(self, symbols: Symbols) -> np.ndarray:
        """`rescaled`: the face that symbols stand for, uint8 `[S, S, 3]`."""
        import torch

        with torch.inference_mode():
            step = torch.tensor([self.spec.detail_step(symbols.fine_quality)], device=self.device)
            thumbnail = torch.from_numpy(symbols.thumbnail[None].astype(np.float32)).to(self.device)
            details = torch.from_numpy(symbols.details[None].astype(np.float32)).to(self.device)
            image = self._rescaling(self._rescaling.synthesise(thumbnail, details, step))
            return (image[0] * 255).round().byte().permute(1, 2, 0).cpu().numpy()

    def analyse(self, pixels: np.ndarray, fine_quality: int) -> Symbols:
        """The symbols of a face uint8 `[S, S, 3]` at a fine quality."""
        return self._analyse(*self._views(pixels), fine_quality)

    def _views(self, pixels: np.ndarray) -> tuple[Tensor, Tensor]:
        """Thumbnail and view of a face, on the device."""
        import torch

        size = self.spec.image_size
        if pixels.shape != (size, size, 3) or pixels.dtype != np.uint8:
            raise BadImage(f"a face is uint8 [{size}, {size}, 3], not {pixels.dtype} {list(pixels.shape)}")
        with torch.inference_mode():
            image = torch.from_numpy(np.array(pixels)).to(self.device).permute(2, 0, 1)[None]
            return self._rescaling.views(image.float() / 255)

    def _analyse(self, thumbnail: Tensor, view: Tensor, fine_quality: int) -> Symbols:
        import torch

        from grain_codec.search import symbols_of

        with torch.inference_mode():
            step = torch.tensor([self.spec.detail_step(fine_quality)], device=self.device)
            return symbols_of(self._rescaling.analyse(thumbnail, view, step), fine_quality)

    def _fits(self, symbols: Symbols, most_bytes: int, carrier: str) -> bool:
        """Whether symbols keep to the LR image's noise and to a byte limit."""
        payload = self.files.payload(symbols)
        return len(payload) <= MOST_PAYLOAD and len(self.files.wrap(payload, symbols, carrier)) <= most_bytes

    def _finest_that_fits(
        self, thumbnail: Tensor, view: Tensor, finest: int, most_bytes: int, carrier: str
    ) -> Symbols:
        """The symbols of the highest fine quality up to `finest` that keeps to the limits, by bisection."""
        best, lowest, highest, middle = None, 0, finest, finest
        while lowest <= highest:
            symbols = self._analyse(thumbnail, view, middle)
            if self._fits(symbols, most_bytes, carrier):
                best, lowest = symbols, middle + 1
            else:
                highest = middle - 1
            middle = (lowest + highest + 1) // 2
        if best is None:
            coarsest = self._analyse(thumbnail, view, 0)
            if len(self.files.payload(coarsest)) > MOST_PAYLOAD:
                raise TooLarge("too busy for an LR image, even at the lowest quality")
            smallest = self.files.write(coarsest, carrier)
            raise TooLarge(f"does not fit in {most_bytes} bytes; the smallest size possible is {len(smallest)} bytes")
        return best


@lru_cache(maxsize=4)
def load_model(name: str = DEFAULT_MODEL, device: str = "auto") -> Codec:
    """A codec ready to use; the same object for the same arguments.

    Args:
        name: a shipped model, or the path of a weights file.
        device: "auto" takes a GPU when there is one; else what torch calls it.

    Raises:
        WrongModel: there is no such model, its file is not usable, or there is no such device.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        place = torch.device(device)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        raise WrongModel(f"device {device!r} is not usable: {str(error).splitlines()[0]}") from error
    return Codec(read_model(find_model(name)), place)


def low_resolution_image(data: bytes, model: str = DEFAULT_MODEL, fine_quality: int | None = None) -> np.ndarray:
    """The LR image uint8 `[16, 16, 3]` of a file of either kind, without any network."""
    files = _files_of(model)
    return files.low_resolution(files.read(data, fine_quality))


def describe(data: bytes, model: str = DEFAULT_MODEL) -> dict[str, str | int | float]:
    """What a file says of itself, read down to its last symbol and without any network.

    Raises:
        GrainError: the file is damaged or of another model.
    """
    files = _files_of(model)
    symbols = files.read(data)
    is_carrier = png_carrier.is_png(data)
    rows: dict[str, str | int | float] = {
        "format": "16x16 PNG carrier" if is_carrier else ".grain",
        "bytes": len(data),
        "model": files.spec.name,
        "fingerprint": files.model.fingerprint.hex(),
        "fine quality": symbols.fine_quality,
        "quality": files.spec.nearest_level(symbols.fine_quality),
        "payload bytes": len(files.payload(symbols)),
        "ideal payload bits": round(files.ideal_bits(symbols), 1),
        "thumbnail symbols": int(np.count_nonzero(symbols.thumbnail)),
        "detail symbols": int(np.count_nonzero(symbols.details)),
        "image": f"{files.spec.image_size}x{files.spec.image_size} RGB",
    }
    if not is_carrier:
        rows.update((f"field {name}", value) for name, value in container.describe(data))
    return rows


@lru_cache(maxsize=4)
def _files_of(model: str) -> FaceFiles:
    return FaceFiles(read_model(find_model(model)))
