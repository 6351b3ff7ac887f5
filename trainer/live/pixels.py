"""Pixels of an orthophoto at hand: blocks are decoded once and kept while memory allows."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.region import Region

__all__ = ["BlockCache", "CoarsePixels", "PixelSource", "Pyramid"]

_BLOCK = 512
_COARSE_MEGABYTES = 100
"""For the halved image; a coarser one gets half as much."""


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
        for tile in region.tiles(_BLOCK):
            block = self._block(tile.clipped(self.shape))
            part = tile.intersection(region)
            if result is None:
                result = np.empty((*region.shape, self.bands), block.dtype)
            result[part.within(region).slices] = block[part.within(tile).slices]
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

    def _block(self, tile: Region) -> NDArray[Any]:
        key = (tile.top, tile.left)
        block = self._blocks.get(key)
        if block is not None:
            self._blocks.move_to_end(key)
            return block
        block = self._source.read(tile)
        self._blocks[key] = block
        self._held += block.nbytes
        while self._held > self._limit and len(self._blocks) > 1:
            _, dropped = self._blocks.popitem(last=False)
            self._held -= dropped.nbytes
        return block


class CoarsePixels:
    """A `PixelSource` of half, a quarter ... of another's resolution: each of its pixels is the mean of a square.

    Parameters
    ----------
    source : PixelSource
        The finer one.
    level : int
        How often it is halved, 1 or more.
    """

    def __init__(self, source: PixelSource, level: int) -> None:
        self._source = source
        self._factor = 1 << level

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in coarse pixels; squares cut off at the right and bottom edge count."""
        height, width = self._source.shape
        return -(-height // self._factor), -(-width // self._factor)

    @property
    def bands(self) -> int:
        """Number of bands."""
        return self._source.bands

    def _fine(self, region: Region) -> Region:
        return region.scaled(self._factor).clipped(self._source.shape)

    def read(self, region: Region) -> NDArray[Any]:
        """Return (h, w, bands) of a region in coarse pixels: uint8 stays so, all else becomes float32."""
        pixels = self._source.read(self._fine(region))
        mean: NDArray[Any] = self._squares(pixels, region).mean(axis=(1, 3), dtype=np.float32)
        return np.rint(mean).astype(np.uint8) if pixels.dtype == np.uint8 else mean

    def read_valid(self, region: Region) -> NDArray[np.bool_]:
        """Return (h, w), True where a square has any data."""
        valid = self._source.read_valid(self._fine(region))[..., None]
        some: NDArray[np.bool_] = np.asarray(self._squares(valid, region).any(axis=(1, 3)))
        return some[..., 0]

    def _squares(self, fine: NDArray[Any], region: Region) -> NDArray[Any]:
        factor = self._factor
        missing = [want * factor - have for want, have in zip(region.shape, fine.shape[:2], strict=True)]
        if any(missing):  # a square cut off at the edge is filled up with the pixels at the edge
            fine = np.pad(fine, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
        return fine.reshape(region.height, factor, region.width, factor, -1)


class Pyramid:
    """The coarser resolutions of a `PixelSource`, each made when it is first asked for and kept while memory allows."""

    def __init__(self, source: PixelSource) -> None:
        self._source = source
        self._levels: dict[int, BlockCache] = {}

    def at(self, level: int) -> BlockCache:
        """Return the source halved `level` times, 1 or more."""
        if level not in self._levels:
            self._levels[level] = BlockCache(CoarsePixels(self._source, level), _COARSE_MEGABYTES >> (level - 1))
        return self._levels[level]
