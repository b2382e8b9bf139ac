"""The range coder, on streams that can be computed by hand."""

from __future__ import annotations

from grain_codec.coding.range_coder import RangeEncoder


def test_a_certain_stream_needs_no_bytes():
    encoder = RangeEncoder()
    encoder.encode(start=0, size=3, total_bits=2)
    assert encoder.finish() == b""


def test_a_hand_computed_stream():
    """Two symbols of [1/2, 3/4) and [3/4, 1): the interval [11/16, 3/4) starts with binary 1011."""
    encoder = RangeEncoder()
    encoder.encode(start=2, size=1, total_bits=2)
    encoder.encode(start=3, size=1, total_bits=2)
    assert encoder.finish() == bytes([0b10110000])
