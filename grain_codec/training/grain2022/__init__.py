"""The training of models of the published kind."""

from grain_codec.training.grain2022.training import Grain2022Training

TRAINING = Grain2022Training()
