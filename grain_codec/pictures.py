"""The image types that users hold, to and from the codec's pixels."""

from typing import Any

import numpy as np

from grain_codec.errors import BadImage

KINDS = ("pil", "numpy", "torch")


def to_pixels(image: Any) -> list[np.ndarray]:
    """Faces as the codec takes them: uint8 `[S, S, 3]` each.

    Args:
        image: PIL image of any mode, which is turned upright, brought to sRGB and put on white; numpy
            uint8 `[S, S, 3]`; torch uint8 or float in [0, 1], `[3, S, S]` or `[B, 3, S, S]`.

    Raises:
        BadImage: the image is of another type or layout, or cannot be read.
    """
    if hasattr(image, "convert") and hasattr(image, "getbands"):
        from grain_codec.formats.images.reading import read_photo

        return [read_photo(image, "the image")]
    if isinstance(image, np.ndarray):
        return [image]
    if type(image).__module__ == "torch" and image.ndim in (3, 4) and image.shape[-3] == 3:
        batch = image.detach() if image.ndim == 4 else image.detach()[None]
        whole = (batch.float() * 255).round().clamp(0, 255).byte() if batch.is_floating_point() else batch
        return list(whole.permute(0, 2, 3, 1).cpu().numpy())
    shape = f" of shape {list(image.shape)}" if hasattr(image, "shape") else ""
    raise BadImage(f"a face is a PIL image, a numpy array or a torch tensor, not {type(image).__name__}{shape}")


def from_pixels(pixels: list[np.ndarray], kind: str) -> Any:
    """Faces uint8 `[S, S, 3]` as a list of PIL images or numpy arrays, or as one torch batch in [0, 1]."""
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is none of {', '.join(KINDS)}")
    if kind == "numpy":
        return pixels
    if kind == "pil":
        from PIL import Image

        return [Image.fromarray(face) for face in pixels]
    import torch

    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
