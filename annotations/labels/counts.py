"""Labelled pixels per class, kept up to date at the cost of the chunks that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotations.region import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LabelCounts"]

_CHUNK = 512


class LabelCounts:
    """Counts the labels of an array that others change: those that can be learnt, and those that lie on no data.

    Where the image has no data is read from its file, chunk by chunk, by somebody else and when there is time: until
    then (`unread`) all labels of a chunk count as learnt.

    Parameters
    ----------
    labels : ndarray of int8, shape (H, W)
        The live labels; counted once whole.
    masked : bool
        Whether the image may have places without data.
    """

    def __init__(self, labels: NDArray[np.int8], *, masked: bool = False) -> None:
        self._labels = labels
        self._masked = masked
        self._valid: dict[tuple[int, int], NDArray[np.uint8] | None] = {}  # bits; None where all is valid
        grid = (-(-labels.shape[0] // _CHUNK), -(-labels.shape[1] // _CHUNK))
        self._held: NDArray[np.int64] = np.zeros((*grid, 128), np.int64)
        self._ignored: NDArray[np.int64] = np.zeros((*grid, 128), np.int64)
        self._unread: dict[tuple[int, int], Region] = {}
        self.update(Region.whole(labels.shape))

    def update(self, region: Region) -> None:
        """Count the chunks that meet a region anew."""
        for tile in region.clipped(self._labels.shape).tiles(_CHUNK):
            part = tile.clipped(self._labels.shape)
            key = tile.top // _CHUNK, tile.left // _CHUNK
            labels = self._labels[part.slices]
            held = labels >= 0
            self._held[key] = self._ignored[key] = 0
            if not held.any():
                continue
            self._held[key] = np.bincount(labels[held], minlength=128)
            if self._masked and key not in self._valid:
                self._unread[key] = part
            valid = self._valid_in(key, part)
            if valid is not None:
                self._ignored[key] = np.bincount(labels[held & ~valid], minlength=128)

    @property
    def unread(self) -> list[Region]:
        """The labelled chunks of which it is not known yet where they have no data."""
        return list(self._unread.values())

    def read(self, chunk: Region, valid: NDArray[np.bool_]) -> None:
        """Take in where a chunk (of `unread`) has data, a bool array of its shape, and count it anew."""
        key = chunk.top // _CHUNK, chunk.left // _CHUNK
        self._unread.pop(key, None)
        self._valid[key] = None if valid.all() else np.packbits(valid)
        self.update(chunk)

    def per_class(self, n_classes: int) -> NDArray[np.int64]:
        """Return the labelled pixels of each class that can be learnt, int64 of shape (n_classes,)."""
        total: NDArray[np.int64] = (self._held - self._ignored).sum(axis=(0, 1))
        return total[:n_classes]

    def ignored(self, n_classes: int) -> NDArray[np.int64]:
        """Return the labelled pixels of each class that lie on no data, int64 of shape (n_classes,)."""
        total: NDArray[np.int64] = self._ignored.sum(axis=(0, 1))
        return total[:n_classes]

    def part_ignored(self, region: Region) -> float | None:
        """Return which part of a region's labels lies on no data, 0 to 1; None where that is not known, or none is."""
        labelled = ignored = 0
        region = region.clipped(self._labels.shape)
        for tile in region.tiles(_CHUNK):
            key = tile.top // _CHUNK, tile.left // _CHUNK
            if key in self._unread:
                return None
            chunk, part = tile.clipped(self._labels.shape), tile.intersection(region)
            held = self._labels[part.slices] >= 0
            labelled += int(held.sum())
            valid = self._valid_in(key, chunk)
            if valid is not None:
                local = part.within(chunk)
                ignored += int((held & ~valid[local.slices]).sum())
        return ignored / labelled if labelled else None

    def _valid_in(self, key: tuple[int, int], chunk: Region) -> NDArray[np.bool_] | None:
        bits = self._valid.get(key)
        if bits is None:
            return None
        return np.unpackbits(bits, count=chunk.height * chunk.width).view(bool).reshape(chunk.shape)
