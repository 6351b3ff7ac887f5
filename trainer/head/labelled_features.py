"""The features of the labelled pixels at one resolution: computed once for each, however often a head is fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from annotations.region import Region
from trainer.head.linear_head import chosen_pixels
from trainer.models.hypercolumn import WINDOW

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from trainer.head.features import FeatureSource

__all__ = ["LabelledFeatures"]


class LabelledFeatures:
    """Follows the labels.

    Parameters
    ----------
    features : FeatureSource
        Of the image.
    level : int
        How often the image is halved.
    """

    def __init__(self, features: FeatureSource, level: int) -> None:
        self._features = features
        self._level = level
        self._places: NDArray[np.int64] = np.empty((0, 2), np.int64)  # in pixels of this resolution, sorted by key
        self._classes: NDArray[np.int64] = np.empty(0, np.int64)
        self._known_keys: NDArray[np.int64] = np.empty(0, np.int64)  # sorted
        self._known: Tensor | None = None  # (N, D) in the order of the keys
        self._missing: list[Region] = []

    def labels_are(self, places: NDArray[np.int64], classes: NDArray[np.int64]) -> None:
        """Take the labels that there are.

        Parameters
        ----------
        places : ndarray of int64, (N, 2)
            Rows and columns at full resolution.
        classes : ndarray of int64, (N,)
            Class indices.
        """
        coarse = np.unique(np.column_stack([places >> self._level, classes]), axis=0)
        coarse = coarse[chosen_pixels(coarse[:, 2])]
        self._places, self._classes = coarse[:, :2], coarse[:, 2]
        keys = self._keys(self._places)
        self._drop_unneeded(keys)
        unknown = self._places[~np.isin(keys, self._known_keys)]
        shape = self._features.shape(self._level)
        squares = np.unique(unknown // WINDOW, axis=0)
        windows = [Region(int(r) * WINDOW, int(c) * WINDOW, WINDOW, WINDOW).clipped(shape) for r, c in squares]
        # What is at hand costs nothing, and is what the person looks at.
        self._missing = sorted(windows, key=lambda w: not self._features.known(self._level, w))

    def _keys(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        return places[:, 0] * self._features.shape(self._level)[1] + places[:, 1]

    def _drop_unneeded(self, keys: NDArray[np.int64]) -> None:
        if self._known is not None:
            kept = np.isin(self._known_keys, keys)
            self._known_keys, self._known = self._known_keys[kept], self._known[torch.from_numpy(kept)]

    @property
    def complete(self) -> bool:
        """Whether the features of all labelled pixels are known."""
        return not self._missing

    @property
    def cheap(self) -> bool:
        """Whether the next window costs next to nothing."""
        return bool(self._missing) and self._features.known(self._level, self._missing[0])

    def collect(self) -> None:
        """Take the features of the labelled pixels of one more window."""
        for following in self._missing[:3]:
            self._features.ahead(self._level, following)
        window = self._missing.pop(0)
        inside = np.flatnonzero(
            (self._places >= (window.top, window.left)).all(1) & (self._places < (window.bottom, window.right)).all(1)
        )
        keys = self._keys(self._places[inside])
        keys, first = np.unique(keys, return_index=True)  # a coarse pixel may be of two classes
        fresh = ~np.isin(keys, self._known_keys)
        places = torch.from_numpy(self._places[inside][first][fresh]).to(self._features.device)
        found = self._features.window(self._level, window).at(places)
        all_keys = np.concatenate([self._known_keys, keys[fresh]])
        every = found if self._known is None else torch.cat([self._known, found])
        order = np.argsort(all_keys)
        self._known_keys, self._known = all_keys[order], every[torch.from_numpy(order).to(every.device)]

    def known(self) -> tuple[Tensor, Tensor] | None:
        """Return features (N, D) and classes (N,) of the labelled pixels that are known; None of less than two."""
        if self._known is None:
            return None
        keys = self._keys(self._places)
        have = np.isin(keys, self._known_keys)
        classes = self._classes[have]
        if len(np.unique(classes)) < 2:
            return None
        at = torch.from_numpy(np.searchsorted(self._known_keys, keys[have]))
        return self._known[at.to(self._known.device)], torch.from_numpy(classes).to(self._known.device)
