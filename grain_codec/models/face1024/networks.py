"""The networks of face-1024: three modules, assembled from the spec, and the pictures that they draw.

`rescaling` turns a face into symbols and symbols into the decoded view, `prior` generates a face from that view, and
`fusion` draws from the features of both.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from grain_codec.models.face1024.drawing.fusion import Fusion
from grain_codec.models.face1024.drawing.prior import Prior
from grain_codec.models.face1024.rescaling import Rescaling
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.models.networks import ReciprocalNetworks
from grain_codec.ops.enlargement import enlarged_pixels
from grain_codec.ops.unpack import unpack_symbols

MARGIN = 2
"""Pixels of the prior's feature map that are drawn around the face and cut off; what they cover is a whole number of
the squares over which the fusion makes the picture agree with the view."""


EXPORTED_BANDS = 8
"""Bands of the generator's last level in a graph: its maps then take less memory than those of the level below."""


class Face1024(ReciprocalNetworks):
    """The networks of face-1024."""

    spec: Face1024Spec
    rescaling: Rescaling
    prior: Prior
    fusion: Fusion
    _step_bits: Tensor

    def __init__(self, spec: Face1024Spec):
        super().__init__({"rescaling": Rescaling(spec)})
        self.spec = spec
        if spec.drawing is not None:
            self["prior"] = Prior(spec.drawing, spec.view_size)
            self["fusion"] = Fusion(spec.drawing, spec.view_size)
        steps = torch.tensor([spec.detail_step(quality) for quality in range(spec.fine_qualities)], dtype=torch.float32)
        # As integers, because steps must stay exact where the networks are converted to float16.
        self.register_buffer("_step_bits", steps.view(torch.int32), persistent=False)

    def draw(self, thumbnail_levels: Tensor, detail_levels: Tensor, step: Tensor, output: str) -> Tensor:
        """Draws faces `[B, 3, S, S]` in [0, 1], as one of `outputs`.

        It takes whole levels as floats, `[B, T]` of the thumbnail and `[B, 256, C]` of the details, and steps `[B]`.
        """
        drawn: Tensor = self.rescaling(self._draw_small(thumbnail_levels, detail_levels, step, output))
        return drawn

    def draw_records(self, records: Tensor, output: str) -> Tensor:
        """See `ReciprocalNetworks.draw_records`; a record is int32 `[1 + T + 256 * C]`."""
        # After `prepare_export` the steps are floats already.
        bits = self._step_bits
        steps = bits if bits.is_floating_point() else bits.view(torch.float32)
        thumbnail, details, step = unpack_symbols(records, steps, self.spec.thumbnail_components)
        details = details.unflatten(1, (-1, self.spec.detail_components))
        return enlarged_pixels(self._draw_small(thumbnail, details, step, output), self.spec.image_size)

    def prepare_export(self) -> None:
        """See `ReciprocalNetworks.prepare_export`: ONNX cannot take the bits of an integer for a float.

        A graph draws in bands, because devices without torch are often those with little memory.
        """
        self._step_bits = self._step_bits.view(torch.float32)
        if "prior" in self:
            self.prior.generator.bands = EXPORTED_BANDS

    def _draw_small(self, thumbnail_levels: Tensor, detail_levels: Tensor, step: Tensor, output: str) -> Tensor:
        """A picture at the size of the view or of the drawing modules, not clamped; the rest is interpolation."""
        assert output in self.outputs
        # In full precision whatever the convolutions compute in: it is what the others add to.
        view = self.rescaling.synthesise(thumbnail_levels, detail_levels, step).float()
        if output == "rescaled":
            return view
        return self.draw_natural(view, step, noise_shift(thumbnail_levels, self.spec.view_size // 2), output)

    def draw_natural(self, view: Tensor, step: Tensor, shift: Tensor, output: str) -> Tensor:
        """`prior` or `fused` from the decoded view `[B, 3, V, V]` -> `[B, 3, D, D]`, D the drawn size, not clamped.

        `shift`, int64 `[B, 2]`, is where in the noise each face begins; see `noise_shift`.
        """
        view = view.clamp(0, 1)
        features, code = self.prior.predict(view, step)
        # All three have learned from the inner parts of windows alone. So what they predict for the picture's edges is
        # replaced by what lies inside, and the picture is drawn with a margin.
        inside, around = features[:, :, 1:-1, 1:-1], F.pad(view, [2 * MARGIN] * 4, "replicate")
        picture, maps = self.prior(F.pad(inside, [MARGIN + 1] * 4, "replicate"), code, shift - MARGIN)
        drawn: Tensor = picture if output == "prior" else self.fusion(around, picture, maps)
        cut = MARGIN * drawn.shape[-1] // (features.shape[-1] + 2 * MARGIN)
        return drawn[:, :, cut:-cut, cut:-cut]


def noise_shift(thumbnail_levels: Tensor, size: int) -> Tensor:
    """Where in noise of `size` x `size` pixels each face begins: int64 `[B, 2]`, from its levels `[B, T]`.

    The same file begins at the same place on every machine, and different faces begin at different places.
    """
    places = torch.arange(1, thumbnail_levels.shape[1] + 1, device=thumbnail_levels.device)
    number = (thumbnail_levels.long() * places).sum(1) % size**2
    return torch.stack([number // size, number % size], 1)
