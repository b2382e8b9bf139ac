"""A lossless coder for LR images whose samples are free, in integer arithmetic alone.

Samples are coded in raster order, green before red before blue. A linear map predicts each sample from its neighbours
that are coded already, and from the other channels of its pixel that are. The map starts with weights that fit
thumbnails of faces and adapts to each image by recursive least squares (Haykin, "Adaptive Filter Theory"). The sample's
probabilities are a mixture of heavy-tailed densities around the prediction. Their widths are proportional to the errors
of nearby predictions. The mixture's weights follow how well each density has predicted so far: Bayesian mixing in which
a fixed share returns to the initial weights (Herbster and Warmuth 1998).
"""

from collections.abc import Callable

import numpy as np

from grain_codec.coding.grid import GRID
from grain_codec.coding.range_coder import RangeDecoder, RangeEncoder
from grain_codec.errors import Corrupt

LEVELS = 256
CHANNEL_ORDER = (1, 0, 2)

FIRST_WEIGHTS = (
    (7, -22, 12, -6, -7),
    (1, -26, 9, -1, -1, 64, 0, 25, -8),
    (1, -23, 9, 0, -1, 75, -4, 27, -11, -17, 4, -6, 3),
)
"""Initial weights for the channels in coding order, in 1/64: least squares over thumbnails of 150 training faces."""

_WEIGHT_BITS = 16
_COVARIANCE_BITS = 40
_FIRST_COVARIANCE = 1 << 24  # A smaller number makes the weights adapt more slowly at first.
_ERROR_BITS = 3  # Predictions, errors and widths count in 1/8 level.

_FIRST_ERROR = 6 << _ERROR_BITS
_LEAST_ERROR = 10
_WIDTHS = np.array([40, 57, 80, 113, 160, 226, 320], np.int64)  # Widths of the densities in 1/64 of the expected error.
_SHARE_BITS = 6  # After every sample 1 / 2**6 of the mixture's weights returns to the initial ones.

_DENSITY_BITS = 20
_TOTAL_BITS = 20  # Frequencies of the 256 levels add up to 1 << 20 at most.

Code = Callable[[np.ndarray, int], int]
"""Takes cumulative frequencies `[257]` and a level; writes that level, or reads one; returns the level coded."""


def encode(samples: np.ndarray) -> bytes:
    """Compresses an LR image uint8 `[16, 16, 3]`; noise can take a few bytes more than the 768 samples."""
    encoder = RangeEncoder()

    def write(cumulative: np.ndarray, level: int) -> int:
        start, end = cumulative[level : level + 2].tolist()
        encoder.encode(start, end - start, _TOTAL_BITS)
        return level

    _code_all(samples.astype(np.int64), write)
    return encoder.finish()


def decode(payload: bytes) -> np.ndarray:
    """The LR image uint8 `[16, 16, 3]` of its bytes. Raises Corrupt for bytes that `encode` does not give."""
    decoder = RangeDecoder(payload)

    def read(cumulative: np.ndarray, _: int) -> int:
        part = decoder.decode_part(_TOTAL_BITS)
        level = int(np.searchsorted(cumulative, part, side="right")) - 1
        if level >= LEVELS:
            raise Corrupt("the payload is not one that an encoder writes")
        start, end = cumulative[level : level + 2].tolist()
        decoder.consume(start, end - start, _TOTAL_BITS)
        return level

    samples = np.zeros((GRID, GRID, 3), np.int64)
    _code_all(samples, read)
    decoded = samples.astype(np.uint8)
    if encode(decoded) != payload:
        raise Corrupt("the payload is not one that an encoder writes")
    return decoded


def _code_all(samples: np.ndarray, code: Code) -> None:
    """Codes all samples `[16, 16, 3]` in order, and replaces each by what `code` returns."""
    errors = np.full((GRID + 1, GRID + 2, 3), -1, np.int64)
    predictors = [_Predictor(weights) for weights in FIRST_WEIGHTS]
    mixtures = [_Mixture() for _ in CHANNEL_ORDER]
    for row, column in np.ndindex(GRID, GRID):
        twice_base, around = _neighbours(samples, row, column)
        known: list[int] = []
        for index, channel in enumerate(CHANNEL_ORDER):
            features = np.array(around[:, channel].tolist() + known, object)
            prediction = predictors[index].predict(int(twice_base[channel]), features)
            expected = _expected_error(errors, row, column, index)
            cumulative = mixtures[index].cumulative(prediction, expected)
            level = code(cumulative, int(samples[row, column, channel]))
            samples[row, column, channel] = level
            mixtures[index].learn(level)
            predictors[index].learn(level)
            errors[row + 1, column + 1, index] = abs((level << _ERROR_BITS) - prediction)
            known += [2 * level - int(twice_base[channel]), *around[:3, channel].tolist()]


def _neighbours(samples: np.ndarray, row: int, column: int) -> tuple[np.ndarray, np.ndarray]:
    """The sum of left and upper neighbour `[3]`, and twice each of five coded neighbours less that sum `[5, 3]`."""
    if row == column == 0:
        return np.full(3, LEVELS, np.int64), np.zeros((5, 3), np.int64)
    left = samples[row, column - 1] if column else samples[row - 1, 0]
    above = samples[row - 1, column] if row else left
    above_left = samples[row - 1, column - 1] if row and column else above
    above_right = samples[row - 1, column + 1] if row and column < GRID - 1 else above
    far_left = samples[row, column - 2] if column > 1 else left
    far_above = samples[row - 2, column] if row > 1 else above
    return left + above, 2 * np.stack([left, above_left, above_right, far_left, far_above]) - (left + above)


def _expected_error(errors: np.ndarray, row: int, column: int, index: int) -> int:
    """Estimates the error of the next prediction, in 1/8 level, from errors nearby and of channels coded before.

    `errors` is `[17, 18, 3]` with a margin above, left and right, and negative where nothing is coded yet.
    """
    near = [errors[row + 1, column, index], *errors[row, column : column + 3, index]]
    near = [int(error) for error in near if error >= 0] or [_FIRST_ERROR]
    expected = sum(near) // len(near)
    if index:
        here = int(errors[row + 1, column + 1, :index].sum()) // index
        expected = (7 * expected + here) >> 3
    return int(expected) + _LEAST_ERROR


class _Predictor:
    """A linear map that adapts to an image by recursive least squares, in fixed point."""

    def __init__(self, weights: tuple[int, ...]):
        self._weights = np.array([weight << (_WEIGHT_BITS - 6) for weight in weights], object)
        self._covariance = np.array([[0] * len(weights)] * len(weights), object)
        np.fill_diagonal(self._covariance, _FIRST_COVARIANCE)

    def predict(self, twice_base: int, features: np.ndarray) -> int:
        """The prediction in 1/8 level; features and base are in half levels."""
        self._features = features
        self._exact = (twice_base << _WEIGHT_BITS) + int(self._weights @ features)
        prediction = self._exact >> (_WEIGHT_BITS + 1 - _ERROR_BITS)
        return min(max(prediction, 0), (LEVELS - 1) << _ERROR_BITS)

    def learn(self, level: int) -> None:
        """Moves the weights towards those that would have predicted the level."""
        direction = self._covariance @ self._features
        scale = (1 << _COVARIANCE_BITS) + int(self._features @ direction)
        error = (level << (_WEIGHT_BITS + 1)) - self._exact
        self._weights = self._weights + direction * error // scale
        self._covariance = self._covariance - np.outer(direction, direction) // scale


class _Mixture:
    """Densities of several widths around a prediction, and the weight of each."""

    def __init__(self) -> None:
        self._initial = np.full(len(_WIDTHS), (1 << _DENSITY_BITS) // len(_WIDTHS), np.int64)
        self._shares = self._initial

    def cumulative(self, prediction: int, expected: int) -> np.ndarray:
        """Cumulative frequencies of the levels, int64 `[257]`; each level has a frequency of at least 1."""
        distance = (np.arange(LEVELS, dtype=np.int64) << _ERROR_BITS) - prediction
        squared_width = (_WIDTHS * expected >> 6)[:, None] ** 2 + 1
        near = (squared_width << _DENSITY_BITS) // (squared_width + distance**2)
        density = near * near >> _DENSITY_BITS
        self._density = (density << _DENSITY_BITS) // density.sum(1, dtype=np.int64, keepdims=True)
        mixed = self._shares @ self._density
        frequencies = 1 + mixed * ((1 << _TOTAL_BITS) - LEVELS) // mixed.sum()
        return np.concatenate([[0], frequencies.cumsum()])

    def learn(self, level: int) -> None:
        """Increases the weights of the densities that gave the level a high probability."""
        found = self._shares * (self._density[:, level] + 1)
        found = (found << (_DENSITY_BITS - _SHARE_BITS)) // (found.sum() >> _SHARE_BITS)
        self._shares = found - (found >> _SHARE_BITS) + (self._initial >> _SHARE_BITS)
