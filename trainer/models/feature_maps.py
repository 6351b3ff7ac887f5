"""Features of a region at several resolutions, kept as they come: mixed between their cells only where they are used.

A linear head may be applied to each resolution by itself, and its answers enlarged and added: the same as enlarging
the features first, which are a hundred times as many numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from annotations.region import Region

__all__ = ["MARGIN", "SMOOTHINGS", "FeatureMap", "FeatureMaps", "smoothed"]

SMOOTHINGS: Final = (5, 13)
"""Sides in pixels of the squares over which the bands are averaged."""
MARGIN: Final = max(SMOOTHINGS) // 2
"""Pixels around a region that these reach."""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMap:
    """One resolution.

    Parameters
    ----------
    values : Tensor (C, h, w)
        Any floating type.
    stride : int
        Pixels across a cell.
    top, left : int
        Where the first cell begins, in pixels of the image; multiples of `stride`.
    """

    values: Tensor
    stride: int
    top: int
    left: int

    def around(self, region: Region) -> FeatureMap:
        """Return a copy of what is needed for a region: its cells and one more on each side, where there are any."""
        first_row = max((region.top - self.top) // self.stride - 1, 0)
        first_column = max((region.left - self.left) // self.stride - 1, 0)
        last_row = -(-(region.bottom - self.top) // self.stride) + 1
        last_column = -(-(region.right - self.left) // self.stride) + 1
        values = self.values[:, first_row:last_row, first_column:last_column].contiguous()
        return FeatureMap(
            values, self.stride, self.top + first_row * self.stride, self.left + first_column * self.stride
        )

    def at(self, places: Tensor) -> Tensor:
        """Return float32 (N, C) at rows and columns (N, 2) of pixels, between the cells by bilinear mixing."""
        height, width = self.values.shape[1:]
        exact = (places - places.new_tensor([self.top, self.left]) + 0.5) / self.stride - 0.5
        first = exact.floor()
        row_share, column_share = (exact - first).T
        rows, columns = first.long().T
        total = torch.zeros(len(self.values), len(places), device=self.values.device)
        for row, row_weight in ((rows, 1 - row_share), (rows + 1, row_share)):
            for column, column_weight in ((columns, 1 - column_share), (columns + 1, column_share)):
                cells = self.values[:, row.clamp(0, height - 1), column.clamp(0, width - 1)]
                total += cells.float() * (row_weight * column_weight)
        return total.T

    def answers(self, weights: Tensor, region: Region) -> Tensor:
        """Return float32 (K, H, W) of a region: `weights` (K, C) times the features of each pixel."""
        coarse = (weights @ self.values.float().flatten(1)).view(len(weights), *self.values.shape[1:])
        if self.stride > 1:
            coarse = functional.interpolate(
                coarse[None], scale_factor=float(self.stride), mode="bilinear", align_corners=False
            )[0]
        row, column = region.top - self.top, region.left - self.left
        return coarse[:, row : row + region.height, column : column + region.width]


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMaps:
    """All resolutions of a region.

    Parameters
    ----------
    region : Region
        In pixels.
    maps : tuple of FeatureMap
        Each reaches a cell beyond the region, so that what is mixed at its edge is right.
    bands : FeatureMap
        The normalised pixels themselves, with a margin as wide as the widest smoothing needs.
    """

    region: Region
    maps: tuple[FeatureMap, ...]
    bands: FeatureMap

    @classmethod
    def cut(cls, region: Region, maps: Sequence[FeatureMap], bands: FeatureMap) -> Self:
        """Keep of larger maps what is needed for a region."""
        row, column = region.top - MARGIN - bands.top, region.left - MARGIN - bands.left
        height, width = region.height + 2 * MARGIN, region.width + 2 * MARGIN
        values = bands.values[:, row : row + height, column : column + width].to(torch.float16)
        about = FeatureMap(values.contiguous(), 1, region.top - MARGIN, region.left - MARGIN)
        return cls(region, tuple(m.around(region) for m in maps), about)

    @property
    def nbytes(self) -> int:
        """Memory in bytes."""
        return sum(m.values.nbytes for m in (*self.maps, self.bands))

    def _all(self) -> list[FeatureMap]:
        region = self.region
        colours = FeatureMap(smoothed(self.bands.values, region.shape), 1, region.top, region.left)
        return [*self.maps, colours]

    def at(self, places: Tensor) -> Tensor:
        """Return float32 (N, D) at rows and columns (N, 2) within the region, int64."""
        return torch.cat([m.at(places) for m in self._all()], dim=1)

    def answers(self, weights: Tensor, constants: Tensor) -> Tensor:
        """Return float32 (K, H, W) of the region: weights (K, D) times the features, plus constants (K,)."""
        total = constants[:, None, None].expand(-1, *self.region.shape).clone()
        every = self._all()
        parts = torch.split(weights, [len(m.values) for m in every], dim=1)
        for part, one in zip(parts, every, strict=True):
            total += one.answers(part, self.region)
        return total


def smoothed(bands: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return float32 (3 B, H, W): the bands (B, H + 2 MARGIN, W + 2 MARGIN), and their means over squares."""
    height, width = shape
    values = bands.float()
    result = [values[:, MARGIN : MARGIN + height, MARGIN : MARGIN + width]]
    for side in SMOOTHINGS:
        inset = MARGIN - side // 2
        part = values[None, :, inset : inset + height + side - 1, inset : inset + width + side - 1]
        result.append(functional.avg_pool2d(functional.avg_pool2d(part, (side, 1), 1), (1, side), 1)[0])
    return torch.cat(result)
