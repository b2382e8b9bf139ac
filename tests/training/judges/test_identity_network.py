"""What the identity embedding is shown."""

from __future__ import annotations

import torch

from grain_codec.models.grain2022.layers import SqueezeExcitation
from grain_codec.training.judges.identity_network import face_crop


def test_the_face_is_cut_out_where_it_lies() -> None:
    row, column = torch.meshgrid(torch.arange(256.0), torch.arange(256.0), indexing="ij")
    face = face_crop(torch.stack([row, column, row])[None])
    assert face.shape == (1, 3, 112, 112)
    # 188 rows become 112: the first of these is the mean of the first two.
    torch.testing.assert_close(face[0, :, 0, 0], torch.tensor([35.5, 32.5, 35.5]))
    torch.testing.assert_close(face[0, :, -1, -1], torch.tensor([221.5, 218.5, 221.5]))


def test_channels_are_weighted_by_their_means() -> None:
    torch.manual_seed(0)
    block, x = SqueezeExcitation(32), torch.randn(2, 32, 5, 5)
    hidden = (block.fc1.weight[:, :, 0, 0] @ x.flatten(2).mean(2).T).clamp(min=0)
    weights = torch.sigmoid(block.fc2.weight[:, :, 0, 0] @ hidden).T
    torch.testing.assert_close(block(x), x * weights[:, :, None, None])
