"""A model of the smallest sizes, computed in integers, so that it is the same everywhere and needs no training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from grain_codec.coding.grid import LR_SAMPLES
from grain_codec.coding.level_coder import ALPHABET, TOTAL_BITS
from grain_codec.models.face1024.contexts import CELLS, CLASSES, COMPONENT_BANDS
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.models.face1024.symbols import ANCHOR_SPACING
from grain_codec.weights import write_file

SPEC = Face1024Spec(
    name="tiny",
    image_size=64,
    view_size=64,
    thumbnail_components=8,
    detail_components=2,
    neighbour_components=1,
    predictor_width=2,
    predictor_blocks=0,
    enhancement_width=2,
    enhancement_blocks=0,
    position_channels=1,
    fine_qualities=16,
    quality_levels=(4, 12),
)
ALPHABETS = 40
ORIGIN = "Made in integer arithmetic for tests; it has no networks."


def whole_numbers(count: int, most: int, seed: int) -> np.ndarray:
    """`count` numbers from -most to most, int64, by Knuth's 64-bit congruential generator."""
    numbers, state = [], seed
    for _ in range(count):
        state = (6364136223846793005 * state + 1442695040888963407) % (1 << 64)
        numbers.append((state >> 33) % (2 * most + 1) - most)
    return np.array(numbers, np.int64)


def cumulative() -> np.ndarray:
    """Alphabets of geometric densities, int32 `[ALPHABETS, ALPHABET + 1]`: the larger the index, the wider."""
    rows = []
    for index in range(ALPHABETS):
        shares = [(1 << 20) * (index + 4) ** each // (index + 8) ** each + 1 for each in range(ALPHABET)]
        frequencies = [share * ((1 << TOTAL_BITS) - ALPHABET) // sum(shares) + 1 for share in shares]
        frequencies[0] += (1 << TOTAL_BITS) - sum(frequencies)
        rows.append(np.cumsum([0, *frequencies]))
    return np.array(rows, np.int32)


def tensors() -> dict[str, np.ndarray]:
    """The tensors that symbols, payload and LR image depend on."""
    anchors = SPEC.fine_qualities // ANCHOR_SPACING + 1
    bands, components = len(COMPONENT_BANDS) + 1, SPEC.thumbnail_components
    scales = whole_numbers(anchors * components, 12, 1).reshape(anchors, components) + 60
    details = whole_numbers(anchors * CELLS * SPEC.detail_components, 10, 2).reshape(anchors, CELLS, -1) + 24
    basis = whole_numbers(components * LR_SAMPLES, 1000, 3).reshape(components, LR_SAMPLES)
    return {
        "tables.cumulative": cumulative(),
        "tables.thumbnail_scales": scales.astype(np.uint8),
        "tables.detail_scales": details.astype(np.uint8),
        "tables.thumbnail_context": (4 * np.arange(CLASSES) - 16).astype(np.int8),
        "tables.detail_context": whole_numbers(bands * CLASSES**2, 8, 4).reshape(bands, CLASSES, -1).astype(np.int8),
        "tables.thumbnail_steps": (3000 - 150 * np.arange(SPEC.fine_qualities)).astype(np.int32),
        "networks.rescaling.thumbnail_mean": ((1 << 13) + whole_numbers(LR_SAMPLES, 1500, 5)).astype(np.int32),
        "networks.rescaling.thumbnail_basis": basis.astype(np.int16),
    }


def write(path: Path) -> None:
    """Writes the model's weights file without networks: it decodes symbols, but draws no faces."""
    write_file(path, SPEC, tensors(), ORIGIN)
