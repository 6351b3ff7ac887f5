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
    """Counts the labels of an array that others change.

    Parameters
    ----------
    labels : ndarray of int8, shape (H, W)
        The live labels; counted once whole.
    """

    def __init__(self, labels: NDArray[np.int8]) -> None:
        self._labels = labels
        grid = (-(-labels.shape[0] // _CHUNK), -(-labels.shape[1] // _CHUNK))
        self._held: NDArray[np.int64] = np.zeros((*grid, 128), np.int64)
        self.update(Region.whole(labels.shape))

    def update(self, region: Region) -> None:
        """Count the chunks that meet a region anew."""
        for cell in region.clipped(self._labels.shape).tiles(_CHUNK):
            part = self._labels[cell.clipped(self._labels.shape).slices]
            held = np.zeros(128, np.int64)
            if (part >= 0).any():
                held = np.bincount(part[part >= 0], minlength=128)
            self._held[cell.top // _CHUNK, cell.left // _CHUNK] = held

    def per_class(self, n_classes: int) -> NDArray[np.int64]:
        """Return the labelled pixels of each class, int64 of shape (n_classes,)."""
        total: NDArray[np.int64] = self._held.sum(axis=(0, 1))
        return total[:n_classes]
