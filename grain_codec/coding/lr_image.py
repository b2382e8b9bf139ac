"""The LR image: a 16x16 RGB picture that shows the face's thumbnail and carries its whole payload.

The payload, read as one large number, is written in base K: 766 digits, one for a sample. Each sample
of the LR image is the value nearest to the thumbnail's that leaves the digit as its remainder modulo K.
So the picture is the thumbnail with a noise of at most K / 2 levels, and the remainders are the file.
K is the least base that the payload fits in; the first two samples hold it, modulo 8.

    payload of 50 bytes  -> K = 2     noise far below what a screen shows
    payload of 380 bytes -> K = 16    noise of +-8 levels, 35 dB
    payload of 480 bytes -> K = 33    noise of +-16 levels, 29 dB

The thumbnail that the noise is laid on is what the symbols say it is, computed in integers, so both
ways are exact: symbols <-> LR image is a bijection, and an LR image that does not show the thumbnail
of its own payload is refused.
"""

from __future__ import annotations

import numpy as np

from grain_codec.coding.grid import LR_SAMPLES
from grain_codec.errors import Corrupt

BASE_SAMPLES = 2
BASE_MODULUS = 8
MOST_BASE = BASE_MODULUS**BASE_SAMPLES
DIGITS = LR_SAMPLES - BASE_SAMPLES


def base_of(payload_bytes: int) -> int:
    """The least base in which every payload of that many bytes has at most DIGITS digits.

    Example:
        base_of(0) -> 1, base_of(95) -> 2, base_of(96) -> 3
    """
    base = 1
    while base**DIGITS < 256**payload_bytes:
        base += 1
    return base


def largest_payload(base: int) -> int:
    """Bytes of the largest payload that `base` is enough for."""
    return ((base**DIGITS).bit_length() - 1) // 8


MOST_PAYLOAD = largest_payload(MOST_BASE)


def embed(payload: bytes, thumbnail: np.ndarray) -> np.ndarray:
    """The LR image uint8 `[16, 16, 3]` that shows `thumbnail` and carries `payload`."""
    assert len(payload) <= MOST_PAYLOAD and not payload.endswith(b"\0")
    base = base_of(len(payload))
    number = int.from_bytes(payload, "little")
    remainders = list(divmod(base - 1, BASE_MODULUS))
    for _ in range(DIGITS):
        number, digit = divmod(number, base)
        remainders.append(digit)
    moduli = np.full(LR_SAMPLES, base)
    moduli[:BASE_SAMPLES] = BASE_MODULUS
    return _nearest_with_remainder(thumbnail.reshape(-1), np.array(remainders), moduli).reshape(thumbnail.shape)


def extract(low_resolution: np.ndarray) -> bytes:
    """The payload that an LR image uint8 `[16, 16, 3]` carries.

    Raises:
        Corrupt: the samples hold a number that no payload of their base gives.
    """
    samples = low_resolution.reshape(-1).tolist()
    high, low = (sample % BASE_MODULUS for sample in samples[:BASE_SAMPLES])
    base = high * BASE_MODULUS + low + 1
    number = 0
    for sample in reversed(samples[BASE_SAMPLES:]):
        number = number * base + sample % base
    payload = number.to_bytes((number.bit_length() + 7) // 8, "little")
    if len(payload) > MOST_PAYLOAD or base_of(len(payload)) != base:
        raise Corrupt("the LR image does not carry a payload")
    return payload


def _nearest_with_remainder(values: np.ndarray, remainders: np.ndarray, moduli: np.ndarray) -> np.ndarray:
    """For each value the nearest in 0..255 that leaves the remainder; the lower of two equally near ones."""
    values = values.astype(np.int64)
    below = values - (values - remainders) % moduli
    above = below + moduli
    takes_above = (above - values < values - below) | (below < 0)
    return np.where(takes_above & (above <= 255), above, below).astype(np.uint8)
