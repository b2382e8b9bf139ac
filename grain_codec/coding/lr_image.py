"""The LR image: a 16x16 RGB picture that shows the face's thumbnail and carries its whole payload.

The payload is read as one large number and written in base K with 766 digits, one for each sample but two. Each sample
of the LR image is the value nearest to the thumbnail's whose remainder modulo K is the digit. So the picture is the
thumbnail with noise of at most K / 2 levels, and the remainders are the file. K is the smallest base that the payload
fits in; the remainders of the first two samples modulo 8 hold it.

    payload of 50 bytes  -> K = 2     noise far below what a screen shows
    payload of 380 bytes -> K = 16    noise of +-8 levels, 35 dB
    payload of 480 bytes -> K = 33    noise of +-16 levels, 29 dB

A payload of more than MOST_HEAD bytes is split: its first HEAD_BEFORE_TAIL bytes, the head, are in the LR image, and
the rest, the tail, travels behind it. The first two samples then state TAIL_MARK in place of the base, which is that of
HEAD_BEFORE_TAIL bytes. So the LR image shows the face at about 28 dB or better at every size.

The symbols determine the thumbnail exactly, in integers, so symbols <-> (LR image, tail) is a bijection. The decoder
refuses an LR image that does not show the thumbnail of its own payload.
"""

import numpy as np
import numpy.typing as npt

from grain_codec.coding.grid import LR_SAMPLES
from grain_codec.errors import Corrupt

BASE_SAMPLES = 2  # The first samples, whose remainders modulo BASE_MODULUS hold the base.
BASE_MODULUS = 8
DIGITS = LR_SAMPLES - BASE_SAMPLES


def base_of(payload_bytes: int) -> int:
    """The smallest base in which every payload of that many bytes has at most DIGITS digits.

    Example:
        base_of(0) -> 1, base_of(95) -> 2, base_of(96) -> 3
    """
    base = 1
    while base**DIGITS < 256**payload_bytes:
        base += 1
    return base


def largest_payload(base: int) -> int:
    """Bytes of the largest payloads that fit in a base."""
    capacity: int = base**DIGITS
    return (capacity.bit_length() - 1) // 8


MOST_HEAD = largest_payload(33)  # A larger base than 33 would show the face at less than about 28 dB.
HEAD_BEFORE_TAIL = largest_payload(28)  # Where there is a tail anyway, the LR image need not be that noisy.
TAIL_MARK = BASE_MODULUS**BASE_SAMPLES - 1  # Stands for the base where a tail follows.


def split(payload: bytes) -> tuple[bytes, bytes]:
    """The head of a payload, which the LR image carries, and its tail."""
    length = len(payload) if len(payload) <= MOST_HEAD else HEAD_BEFORE_TAIL
    return payload[:length], payload[length:]


def embed(payload: bytes, thumbnail: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The LR image uint8 `[16, 16, 3]` that shows `thumbnail` and carries the head of `payload`."""
    head, tail = split(payload)
    base = base_of(len(head))
    number = int.from_bytes(head, "little")
    remainders = list(divmod(TAIL_MARK if tail else base - 1, BASE_MODULUS))
    for _ in range(DIGITS):
        number, digit = divmod(number, base)
        remainders.append(digit)
    moduli = np.full(LR_SAMPLES, base)
    moduli[:BASE_SAMPLES] = BASE_MODULUS
    return _nearest_with_remainder(thumbnail.reshape(-1), np.array(remainders), moduli).reshape(thumbnail.shape)


def extract(pixels: npt.NDArray[np.uint8], tail: bytes = b"") -> bytes:
    """The payload that an LR image uint8 `[16, 16, 3]` and its tail carry.

    Raises:
        Corrupt: the LR image lacks its tail, or has one too many, or no payload gives the number and the base that
            the samples hold.
    """
    samples = pixels.reshape(-1).tolist()
    high, low = (sample % BASE_MODULUS for sample in samples[:BASE_SAMPLES])
    mark = high * BASE_MODULUS + low
    if (mark == TAIL_MARK) != bool(tail):
        lacking = "lacks the tail of its payload" if not tail else "carries the whole payload, but there is a tail too"
        raise Corrupt(f"the LR image {lacking}")
    base = base_of(HEAD_BEFORE_TAIL) if tail else mark + 1
    number = 0
    for sample in reversed(samples[BASE_SAMPLES:]):
        number = number * base + sample % base
    length = HEAD_BEFORE_TAIL if tail else (number.bit_length() + 7) // 8
    if number.bit_length() > 8 * min(length, MOST_HEAD) or base_of(length) != base:
        raise Corrupt("the LR image does not carry a payload")
    return number.to_bytes(length, "little") + tail


def _nearest_with_remainder(
    values: npt.NDArray[np.uint8], remainders: npt.NDArray[np.int64], moduli: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint8]:
    """For each value the nearest one in 0..255 with the given remainder; the lower one of two at equal distance."""
    wide = values.astype(np.int64)
    below = wide - (wide - remainders) % moduli
    above = below + moduli
    takes_above = (above - wide < wide - below) | (below < 0)
    nearest: npt.NDArray[np.int64] = np.where(takes_above & (above <= 255), above, below)
    return nearest.astype(np.uint8)
