"""Pixels of an orthophoto at hand: blocks are decoded once and kept while memory allows."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.region import Region

__all__ = ["BlockCache", "PixelSource"]

_BLOCK = 512


class PixelSource(Protocol):
    """What training and prediction need of an orthophoto."""

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""

    @property
    def bands(self) -> int:
        """Number of bands."""

    def read(self, region: Region) -> NDArray[Any]:
        """Return (h, w, bands) pixels of a region inside the image."""

    def read_valid(self, region: Region) -> NDArray[np.bool_]:
        """Return (h, w), False where there is no data."""


class BlockCache:
    """A `PixelSource` that keeps the blocks read last.

    Parameters
    ----------
    source : PixelSource
        Where pixels come from.
    megabytes : int
        Memory for kept blocks. Enough for the whole of a 9636 x 9095 image of three bands by default.
    """

    def __init__(self, source: PixelSource, megabytes: int = 400) -> None:
        self._source = source
        self._limit = megabytes * 1_000_000
        self._held = 0
        self._blocks: OrderedDict[tuple[int, int], NDArray[Any]] = OrderedDict()

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self._source.shape

    @property
    def bands(self) -> int:
        """Number of bands."""
        return self._source.bands

    def read_valid(self, region: Region) -> NDArray[np.bool_]:
        """Return (h, w), False where there is no data."""
        return self._source.read_valid(region)

    def read(self, region: Region) -> NDArray[Any]:
        """Return (h, w, bands) pixels of a region inside the image."""
        result: NDArray[Any] | None = None
        for cell in region.tiles(_BLOCK):
            block = self._block(cell.clipped(self.shape))
            part = cell.intersection(region)
            if result is None:
                result = np.empty((*region.shape, self.bands), block.dtype)
            result[
                part.top - region.top : part.bottom - region.top, part.left - region.left : part.right - region.left
            ] = block[part.top - cell.top : part.bottom - cell.top, part.left - cell.left : part.right - cell.left]
        if result is None:
            return np.empty((*region.shape, self.bands), np.uint8)
        return result

    def read_padded(self, region: Region) -> NDArray[Any]:
        """Return (h, w, bands) pixels of a region that may lie partly outside the image, mirrored there."""
        inside = region.clipped(self.shape)
        pixels = self.read(inside)
        if inside == region:
            return pixels
        margins = (
            (inside.top - region.top, region.bottom - inside.bottom),
            (inside.left - region.left, region.right - inside.right),
            (0, 0),
        )
        return np.pad(pixels, margins, mode="reflect" if min(inside.shape) > 1 else "edge")

    def _block(self, cell: Region) -> NDArray[Any]:
        key = (cell.top, cell.left)
        block = self._blocks.get(key)
        if block is not None:
            self._blocks.move_to_end(key)
            return block
        block = self._source.read(cell)
        self._blocks[key] = block
        self._held += block.nbytes
        while self._held > self._limit and len(self._blocks) > 1:
            _, dropped = self._blocks.popitem(last=False)
            self._held -= dropped.nbytes
        return block
