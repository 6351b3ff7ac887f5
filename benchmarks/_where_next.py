"""Who decides where the next stroke is drawn, for `benchmarks.where_next`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from annotations.places.finding import find_places
from annotations.places.place import ReducedMap
from annotations.simulation.sampling import stroke_from
from benchmarks._annotator import Annotator
from benchmarks._reduced_head import STRIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.simulation.sampling import SimulatedStroke

__all__ = ["GUIDES", "Guide", "Guided", "reduced_map"]

Guide = Literal["where next", "random", "least sure", "correcting"]
GUIDES: tuple[Guide, ...] = get_args(Guide)
"""The tool; chance; where the confidence is least; the largest area that is wrong, by somebody who sees the truth."""

_RECENT = 4
_NEAR = 8  # px: a stroke begins well inside of what lies at the place
_MOST_SKIPPED = 50


def reduced_map(answers: NDArray[np.float32], labels: NDArray[np.int8]) -> ReducedMap:
    """Return what the tool knows of a map, of probabilities (K, h, w) and labels (H, W)."""
    order = np.argsort(answers, axis=0)[-2:]
    best, other = (np.take_along_axis(answers, order[i][None], 0)[0] for i in (1, 0))
    doubt = np.rint(255 * (1 - (best - other))).astype(np.uint8)
    full = np.zeros(tuple(size * STRIDE for size in doubt.shape), bool)
    full[: labels.shape[0], : labels.shape[1]] = labels >= 0
    labelled = full.reshape(doubt.shape[0], STRIDE, doubt.shape[1], STRIDE).any((1, 3))
    first, second = order[1].astype(np.uint8), order[0].astype(np.uint8)
    return ReducedMap(STRIDE, labels.shape, doubt, first, second, labelled)


class Guided(Annotator):
    """Somebody who draws where a guide says, the class that the truth has there.

    Parameters
    ----------
    truth : ndarray of int8, (H, W)
        -1 where unknown: a place there is passed over.
    n_classes : int
        Number of classes.
    guide : str
        One of `GUIDES`.
    seed : int
        Of all chance.
    """

    def __init__(self, truth: NDArray[np.int8], n_classes: int, guide: Guide, seed: int) -> None:
        super().__init__(truth, n_classes, "random", seed)
        self._guide = guide
        self._visited: list[tuple[int, int]] = []
        self._recent: list[tuple[int, int]] = []

    def draw(self, answers: NDArray[np.float32], labels: NDArray[np.int8]) -> SimulatedStroke:
        """Return the next stroke, given the probabilities (K, h, w) of every `STRIDE`-th pixel and the labels."""
        if self._guide == "random":
            start = self._anywhere(self.truth >= 0)
        elif self._guide == "correcting":
            start = self._largest_error(_enlarged(answers.argmax(0).astype(np.uint8), labels.shape), labels)
        elif self._guide == "least sure":
            sure = np.rint(255 * answers.max(0)).astype(np.uint8)
            start = self._least_sure(_enlarged(sure, labels.shape), labels)
        else:
            start = self._next_place(answers, labels)
        label = int(self.truth[start])
        inside = np.where(self.truth == label, self._depth, 0)
        return stroke_from(inside, start, label, self._rng, steps=self._steps, width=self._width)

    def _next_place(self, answers: NDArray[np.float32], labels: NDArray[np.int8]) -> tuple[int, int]:
        found = reduced_map(answers, labels)
        for _ in range(_MOST_SKIPPED):
            places = find_places(found, self._visited, self._recent[-_RECENT:], most=1)
            if not places:
                break
            self._visited.append(places[0].at)
            if self.truth[places[0].at] >= 0:
                self._recent.append(places[0].classes)
                return self._well_inside(places[0].at)
        return self._anywhere(self.truth >= 0)

    def _well_inside(self, at: tuple[int, int]) -> tuple[int, int]:
        """Return the deepest pixel of the same class close by."""
        rows, columns = (slice(max(i - _NEAR, 0), i + _NEAR + 1) for i in at)
        same = self.truth[rows, columns] == self.truth[at]
        depth = np.where(same, self._depth[rows, columns], -1)
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        return int(row) + rows.start, int(column) + columns.start


def _enlarged(coarse: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return coarse.repeat(STRIDE, 0).repeat(STRIDE, 1)[: shape[0], : shape[1]]
