"""The weights that ship with the package."""

LICENCE = "for research and evaluation; see grain_codec/zoo/MODEL_CARD.md of grain-codec"
"""The terms of the shipped weights."""
