"""grain-codec: a face in a few hundred bytes.

    import grain_codec
    data = grain_codec.encode(image, max_bytes=300)     # any portrait: PIL, numpy or torch
    image = grain_codec.decode(data)                    # PIL again; kind="numpy" or "torch" for others

Importing the package is cheap: torch is imported when the first face is encoded, and also when the first is decoded,
unless ONNX Runtime is installed and there is no GPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Literal, overload

from grain_codec.settings import DEFAULT_ALIGNMENT, DEFAULT_EFFORT, DEFAULT_MODEL, DEFAULT_QUALITY
from grain_codec.version import VERSION as __version__

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from grain_codec.codec import Codec, Pixels
    from grain_codec.pictures import Decoded, Kind, Picture
    from grain_codec.runtime.pipeline import Finished

__all__ = ["__version__", "decode", "decode_files", "encode", "load_model"]


def load_model(name: str = DEFAULT_MODEL, device: str = "auto", precision: str = "auto") -> Codec:
    """A codec with the weights of a shipped model or of a `.safetensors` file; see `grain_codec.codec`."""
    from grain_codec.codec import load_model

    return load_model(name, device, precision)


@overload
def encode(
    image: Picture,
    *,
    max_bytes: int | None = ...,
    quality: int | None = ...,
    effort: int = ...,
    align: str = ...,
    model: str = ...,
    carrier: str = ...,
) -> bytes: ...


@overload
def encode(
    image: Sequence[Picture],
    *,
    max_bytes: int | None = ...,
    quality: int | None = ...,
    effort: int = ...,
    align: str = ...,
    model: str = ...,
    carrier: str = ...,
) -> list[bytes]: ...


def encode(
    image: Picture | Sequence[Picture],
    *,
    max_bytes: int | None = None,
    quality: int | None = None,
    effort: int = DEFAULT_EFFORT,
    align: str = DEFAULT_ALIGNMENT,
    model: str = DEFAULT_MODEL,
    carrier: str = "grain",
) -> bytes | list[bytes]:
    """Encodes the face of a picture, or those of several pictures.

    Args:
        image: PIL image of any mode, which is turned upright, brought to sRGB and put on white; numpy uint8
            `[height, width, 3]`; or torch `[3, height, width]`, uint8 or floats in [0, 1]. A list of such pictures is
            encoded together. So is an array of four dimensions; type checkers know only `list(array)` for a list.
        max_bytes: the most bytes that a file may have; instead of a quality.
        quality: 0, the smallest files, to 100, the best; None for 30.
        effort: 0 is one pass; 1 to 9 search for a nearer face in no more bytes.
        align: "auto" cuts out the largest face as FFHQ does, unless the picture is a square with an aligned face;
            "always" cuts out aligned faces too; "never" takes a square of the model's size as it is.
        model: the name of a model, or the path of a weights file.
        carrier: "grain", or "png" for the 16x16 PNG, which has no room for where the face was.

    Returns:
        The file's bytes; a list of them for a list.

    Raises:
        BadImage: the image is no picture that can be encoded; its subclass NoFace: it shows no face.
        TooLarge: `max_bytes` cannot be met; the text names the smallest size possible.
        ValueError: an argument is out of range, or both `quality` and `max_bytes` are given.
    """
    from grain_codec.pictures import is_batch, to_face, to_pixels
    from grain_codec.settings import ALIGNMENTS, EncodeSettings

    if quality is not None and max_bytes is not None:
        raise ValueError("quality and max_bytes contradict each other")
    if align not in ALIGNMENTS:
        raise ValueError(f"align {align!r} is none of {', '.join(ALIGNMENTS)}")
    settings = EncodeSettings(
        quality=DEFAULT_QUALITY if quality is None else quality, max_bytes=max_bytes, effort=effort, carrier=carrier
    )
    pictures, codec = to_pixels(image), load_model(model)
    faces = [to_face(pixels, codec.spec.image_size, align, settings) for pixels in pictures]
    files: list[bytes] = []
    for encoded in codec.encode_batch([pixels for pixels, _ in faces], [settings for _, settings in faces]):
        if isinstance(encoded, Exception):
            raise encoded
        files.append(encoded)
    return files if is_batch(image) else files[0]


@overload
def decode(
    data: bytes, kind: Literal["pil"] = ..., *, output: str | None = ..., size: int | None = ..., model: str = ...
) -> Image: ...


@overload
def decode(
    data: bytes, kind: Literal["numpy"], *, output: str | None = ..., size: int | None = ..., model: str = ...
) -> Pixels: ...


@overload
def decode(
    data: bytes | Sequence[bytes],
    kind: Literal["torch"],
    *,
    output: str | None = ...,
    size: int | None = ...,
    model: str = ...,
) -> Tensor: ...


@overload
def decode(
    data: list[bytes] | tuple[bytes, ...],
    kind: Literal["pil"] = ...,
    *,
    output: str | None = ...,
    size: int | None = ...,
    model: str = ...,
) -> list[Image]: ...


@overload
def decode(
    data: list[bytes] | tuple[bytes, ...],
    kind: Literal["numpy"],
    *,
    output: str | None = ...,
    size: int | None = ...,
    model: str = ...,
) -> list[Pixels]: ...


def decode(
    data: bytes | Sequence[bytes],
    kind: Kind = "pil",
    *,
    output: str | None = None,
    size: int | None = None,
    model: str = DEFAULT_MODEL,
) -> Decoded | list[Image] | list[Pixels]:
    """Decodes a file, or a list of files.

    Args:
        data: bytes of a `.grain` file or of a 16x16 PNG.
        kind: "pil" for a PIL image, "numpy" for uint8 `[size, size, 3]`, "torch" for float32 `[3, size, size]` in
            [0, 1]; a list of files gives a list, of torch a batch `[B, 3, size, size]`.
        output: "fused", "rescaled" or "prior"; None for the best that the model has.
        size: side to which the faces are resized, in pixels; None leaves them at the model's, 1024.
        model: the name of a model, or the path of a weights file.

    Raises:
        GrainError: a file is damaged, not ours, or of other weights, or the model cannot draw `output`.
        ValueError: an argument is out of range, or `data` are no bytes.
    """
    from grain_codec.codec import load_decoder
    from grain_codec.pictures import from_pixels, to_files
    from grain_codec.settings import DecodeSettings

    files, codec, settings = to_files(data), load_decoder(model), DecodeSettings(output=output)
    decoded = from_pixels([codec.decode(each, settings) for each in files], kind, size)
    first: Decoded = decoded[0]
    return first if isinstance(data, bytes) else decoded


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
