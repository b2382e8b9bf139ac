"""The three pictures of the whole model, and what drawing them costs."""

from __future__ import annotations

import dataclasses

import torch
from torch.utils.flop_counter import FlopCounterMode

from grain_codec.models.face1024.networks import Face1024, noise_shift
from grain_codec.models.face1024.spec import DrawingSpec, Face1024Spec


def test_a_drawn_picture_of_the_whole_model_has_the_models_size(small_drawing: DrawingSpec):
    spec = Face1024Spec(image_size=512, view_size=64, drawing=small_drawing, predictor_width=8, enhancement_width=8)
    networks = Face1024(spec).eval()
    assert networks.outputs == ("fused", "rescaled", "prior")
    levels = torch.zeros(1, spec.thumbnail_components), torch.zeros(1, 256, spec.detail_components)
    with torch.inference_mode():
        for output in networks.outputs:
            assert networks.draw(*levels, torch.tensor([0.5]), output).shape == (1, 3, 512, 512)


def test_every_face_has_a_noise_of_its_own_and_the_same_on_every_machine():
    levels = torch.tensor([[0.0, 0.0, 0.0], [1.0, -2.0, 3.0], [-1.0, 0.0, 0.0], [-1.0, 0.0, 200.0]])
    assert noise_shift(levels, 64).tolist() == [[0, 0], [0, 6], [63, 63], [9, 23]]


def test_decoding_fused_costs_less_than_20_billion_multiplications():
    """The budget of a decoder that two CPU cores run in about a second."""
    spec = dataclasses.replace(Face1024Spec(), drawing=DrawingSpec())
    networks = Face1024(spec).eval()
    levels = torch.zeros(1, spec.thumbnail_components), torch.zeros(1, 256, spec.detail_components)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        networks.draw(*levels, torch.tensor([0.5]), "fused")
    assert 1e9 < counter.get_total_flops() / 2 < 20e9
