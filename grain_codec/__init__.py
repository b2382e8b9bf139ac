"""grain-codec: a face in a few hundred bytes.

    import grain_codec
    data = grain_codec.encode(image, max_bytes=300)     # a 1024x1024 face: PIL, numpy or torch
    image = grain_codec.decode(data)                    # PIL again; kind="numpy" or "torch" for others

Importing the package is cheap: torch is imported when the first face is encoded or decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike
from typing import TYPE_CHECKING, Any

from grain_codec.version import VERSION as __version__

if TYPE_CHECKING:
    from grain_codec.codec import Codec
    from grain_codec.runtime.pipeline import Finished

__all__ = ["__version__", "decode", "decode_files", "encode", "load_model"]


def load_model(name: str = "face-1024", device: str = "auto", precision: str = "auto") -> Codec:
    """A codec with the weights of a shipped model or of a `.safetensors` file; see `grain_codec.codec`."""
    from grain_codec.codec import load_model

    return load_model(name, device, precision)


def encode(
    image: Any, quality: int = 5, max_bytes: int | None = None, carrier: str = "grain", effort: int = 3
) -> bytes | list[bytes]:
    """Encodes a face, or each face of a torch batch, with the default model.

    Args:
        image: PIL image, numpy uint8 `[1024, 1024, 3]`, or torch `[3, 1024, 1024]` or `[B, 3, 1024, 1024]`
            (uint8, or floats in [0, 1]).
        quality: 1 to 8.
        max_bytes: instead of a quality, the most bytes that a file may have.
        carrier: "grain", or "png" for the 16x16 PNG.
        effort: 0 is one pass; 1 to 9 search for a nearer face in no more bytes.

    Returns:
        The file's bytes; a list of them for a batch.

    Raises:
        BadImage: the image is no 1024x1024 RGB picture.
        TooLarge: `max_bytes` cannot be met; the text names the smallest size possible.
    """
    from grain_codec.pictures import to_pixels
    from grain_codec.settings import EncodeSettings

    settings = EncodeSettings(quality=quality, max_bytes=max_bytes, carrier=carrier, effort=effort)
    pixels = to_pixels(image)
    files: list[bytes] = []
    for encoded in load_model().encode_batch(pixels, [settings] * len(pixels)):
        if isinstance(encoded, Exception):
            raise encoded
        files.append(encoded)
    return files if getattr(image, "ndim", 3) == 4 else files[0]


def decode(data: bytes | list[bytes], kind: str = "pil", output: str | None = None) -> Any:
    """Decodes a file, or a list of files, with the default model.

    Args:
        data: bytes of a `.grain` file or of a PNG carrier.
        kind: "pil" for a PIL image, "numpy" for uint8 `[1024, 1024, 3]`, "torch" for float32
            `[3, 1024, 1024]` in [0, 1]; a list gives a list, of torch a batch `[B, 3, 1024, 1024]`.
        output: "fused", "rescaled" or "prior"; None for the best that the model has.

    Raises:
        GrainError: a file is damaged, not ours, or of other weights, or the model cannot draw `output`.
    """
    from grain_codec.pictures import from_pixels
    from grain_codec.settings import DecodeSettings

    codec, settings = load_model(), DecodeSettings(output=output)
    if isinstance(data, bytes):
        return from_pixels([codec.decode(data, settings)], kind)[0]
    return from_pixels([codec.decode(each, settings) for each in data], kind)


def decode_files(
    sources: Iterable[str | PathLike[str] | bytes],
    output: str | None = None,
    batch_size: int | None = None,
    workers: int | None = 0,
) -> Iterator[Finished[str | PathLike[str] | bytes]]:
    """Decodes many files with the default model: read ahead, drawn in batches, in order.

    Args:
        sources: paths of files, or their bytes.
        output: see `decode`.
        batch_size: faces drawn at once; None takes what suits the device.
        workers: processes that read and decode symbols, None for one a core; 0 uses threads. A program that
            asks for processes needs `if __name__ == "__main__":`.

    Yields:
        For each source an object with `source` and `result`, uint8 `[1024, 1024, 3]`, or with the `error` that kept
        this one from being decoded.

    Raises:
        WrongModel: the model cannot draw `output`.
    """
    from grain_codec.runtime.decode_pipeline import DecodePipeline

    with DecodePipeline(load_model(), output, batch_size, workers) as pipeline:
        yield from pipeline.decode(sources)
