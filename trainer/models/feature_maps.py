"""Features of a region at several resolutions, kept as they come: mixed between their cells only where they are used.

A linear head may be applied to each resolution by itself, and its answers enlarged and added: the same as enlarging
the features first, which are a hundred times as many numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch
from torch.nn import functional

from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


__all__ = ["FeatureMap", "FeatureMaps"]


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

    @property
    def region(self) -> Region:
        """What it covers, in pixels."""
        height, width = self.values.shape[1:]
        return Region(self.top, self.left, height * self.stride, width * self.stride)

    def times(self, weights: Tensor) -> FeatureMap:
        """Return weights (K, C) times the features of each cell, float32."""
        values = (weights @ self.values.float().flatten(1)).view(len(weights), *self.values.shape[1:])
        return FeatureMap(values, self.stride, self.top, self.left)

    def enlarged(self, stride: int, region: Region) -> Tensor:
        """Return float32 (C, h, w) of a region within this one at a finer stride, on whose grid it starts and ends."""
        factor = self.stride // stride
        values = self.values.float()
        if factor > 1:
            values = functional.interpolate(
                values[None], scale_factor=float(factor), mode="bilinear", align_corners=False
            )[0]
        height, width = region.height // stride, region.width // stride
        row, column = (region.top - self.top) // stride, (region.left - self.left) // stride
        return values[:, row : row + height, column : column + width]


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMaps:
    """All resolutions of a region.

    Parameters
    ----------
    region : Region
        In pixels.
    maps : tuple of FeatureMap
        The finest first; each reaches a cell beyond the region where it can, so that what is mixed at its edge is
        right.
    """

    region: Region
    maps: tuple[FeatureMap, ...]

    @classmethod
    def cut(cls, region: Region, maps: Sequence[FeatureMap]) -> Self:
        """Keep of larger maps what is needed for a region; those of one resolution become one."""
        together: dict[int, list[FeatureMap]] = {}
        for one in sorted(maps, key=lambda m: m.stride):
            together.setdefault(one.stride, []).append(one.around(region))
        return cls(
            region,
            tuple(
                FeatureMap(torch.cat([m.values for m in same]), stride, same[0].top, same[0].left)
                for stride, same in together.items()
            ),
        )

    @property
    def nbytes(self) -> int:
        """Memory in bytes."""
        return sum(m.values.nbytes for m in self.maps)

    def at(self, places: Tensor) -> Tensor:
        """Return float32 (N, D) at rows and columns (N, 2) within the region, int64."""
        return torch.cat([m.at(places) for m in self.maps], dim=1)

    def answers(self, weights: Tensor, constants: Tensor) -> Tensor:
        """Return float32 (K, H, W) of the region: weights (K, D) times the features, plus constants (K,)."""
        parts = torch.split(weights, [len(m.values) for m in self.maps], dim=1)
        total = constants[:, None, None].expand(-1, *self.region.shape)
        coarse: FeatureMap | None = None  # what those above a stride of 1 say, at a stride of 2
        for one, part in zip(self.maps, parts, strict=True):
            own = one.times(part)
            if one.stride == 1:
                total = total + own.enlarged(1, self.region)
            elif coarse is None:
                coarse = own
            else:
                # Enlarging to half the resolution first, all of them, and then once more costs a quarter.
                coarse = FeatureMap(
                    coarse.values + own.enlarged(coarse.stride, coarse.region), coarse.stride, coarse.top, coarse.left
                )
        return total if coarse is None else total + coarse.enlarged(1, self.region)
