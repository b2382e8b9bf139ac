"""Square windows of faces. Nothing finer than the decoded view is global, so that training draws windows alone."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Windows:
    """Windows of some faces of a batch, in pixels of the feature map that the generator starts from.

    Attributes:
        faces: the number of each window's face in the batch.
        rows, columns: the upper left corner of each window.
        side: the side of all windows.
        map_size: the side of the whole feature map.
    """

    faces: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    side: int
    map_size: int

    @property
    def corners(self) -> Tensor:
        """Rows and columns of the corners, int64 `[N, 2]`."""
        return torch.tensor([self.rows, self.columns]).T

    def cut(self, maps: Tensor) -> Tensor:
        """The windows of maps `[B, C, S, S]` of any scale: `[N, C, T, T]`, T the windows' side at that scale."""
        scale = maps.shape[-1] // self.map_size
        side = self.side * scale
        corners = zip(self.faces, self.rows, self.columns)
        cut = [
            maps[face, :, row * scale : row * scale + side, column * scale : column * scale + side]
            for face, row, column in corners
        ]
        return torch.stack(cut)


def cut(maps: Tensor, windows: Windows | None) -> Tensor:
    """The windows of maps, or the whole maps where there are no windows."""
    return maps if windows is None else windows.cut(maps)
