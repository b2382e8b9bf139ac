"""The training of face-1024."""

from grain_codec.training.face1024.training import Face1024Training

TRAINING = Face1024Training()
