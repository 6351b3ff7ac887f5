"""A simulated annotator: looks at the map, decides where to draw next, and draws a stroke as a person might."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from scipy import ndimage

from annotations.simulation.sampling import SimulatedStroke, stroke_from

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["POLICIES", "Annotator", "Policy"]

Policy = Literal["random", "class", "error", "uncertainty"]
POLICIES: tuple[Policy, ...] = get_args(Policy)

_SMOOTH = 12.0  # px: one looks at places, not at pixels
_KEPT_AWAY = 24  # px from what is labelled already, when looking for uncertainty


class Annotator:
    """Chooses strokes.

    Parameters
    ----------
    truth : ndarray of int8, (H, W)
        What the person knows; -1 where they do not.
    n_classes : int
    policy : str
        "random": anywhere. "class": each class in turn. "error": in the largest connected area that the map has wrong.
        "uncertainty": where the map is least sure. The last two begin with one stroke of each class.
    seed : int
    steps, width : int
        Steps of two pixels that a stroke has at most, and the side of its square brush.
    """

    def __init__(
        self,
        truth: NDArray[np.int8],
        n_classes: int,
        policy: Policy,
        seed: int,
        *,
        steps: int = 80,
        width: int = 5,
    ) -> None:
        self.truth = truth
        self.policy = policy
        self._present = [c for c in range(n_classes) if (truth == c).any()]
        self._rng = np.random.default_rng(seed)
        self._steps = steps
        self._width = width
        self._drawn = 0
        # How deep inside its class each pixel lies: strokes begin well inside and turn to stay inside.
        self._depth = np.zeros(truth.shape, np.float32)
        for c in self._present:
            inside = truth == c
            self._depth[inside] = ndimage.distance_transform_edt(inside)[inside]

    def next(
        self, shown: NDArray[np.uint8], confidence: NDArray[np.uint8], labels: NDArray[np.int8]
    ) -> SimulatedStroke:
        """Return the next stroke, given the map as it is shown, its confidence and what is labelled; each (H, W)."""
        turn, self._drawn = self._drawn, self._drawn + 1
        if self.policy == "class" or (self.policy != "random" and turn < len(self._present)):
            start = self._anywhere(self.truth == self._present[turn % len(self._present)])
        elif self.policy == "random":
            start = self._anywhere(self.truth >= 0)
        elif self.policy == "error":
            start = self._largest_error(shown, labels)
        else:
            start = self._least_sure(confidence, labels)
        label = int(self.truth[start])
        inside = np.where(self.truth == label, self._depth, 0)
        return stroke_from(inside, start, label, self._rng, steps=self._steps, width=self._width)

    def _anywhere(self, where: NDArray[np.bool_]) -> tuple[int, int]:
        depth = self._depth[where]
        deep = min(self._width / 2 + 1, float(np.percentile(depth, 90)))
        places = np.flatnonzero(where & (self._depth >= deep))
        row, column = np.unravel_index(int(self._rng.choice(places)), where.shape)
        return int(row), int(column)

    def _largest_error(self, shown: NDArray[np.uint8], labels: NDArray[np.int8]) -> tuple[int, int]:
        best: tuple[float, Any, Any] = (0, None, None)
        for c in self._present:
            wrong = (self.truth == c) & (shown != c) & (labels < 0)
            areas, number = ndimage.label(wrong)
            if not number:
                continue
            sizes = np.bincount(areas.ravel())[1:]
            largest = int(sizes.argmax())
            if sizes[largest] > best[0]:
                box = ndimage.find_objects(areas, largest + 1)[largest]
                best = (sizes[largest], areas[box] == largest + 1, box)
        _, area, box = best
        if area is None:  # nothing is wrong
            return self._anywhere(self.truth >= 0)
        middle = ndimage.distance_transform_edt(np.pad(area, 1))[1:-1, 1:-1]
        row, column = np.unravel_index(int(middle.argmax()), area.shape)
        return int(row) + box[0].start, int(column) + box[1].start

    def _least_sure(self, confidence: NDArray[np.uint8], labels: NDArray[np.int8]) -> tuple[int, int]:
        doubt = ndimage.gaussian_filter(255 - confidence.astype(np.float32), _SMOOTH)
        near = ndimage.maximum_filter(labels >= 0, 2 * _KEPT_AWAY + 1)
        free = (self.truth >= 0) & ~near & (self._depth >= self._width / 2)
        if not free.any():
            return self._anywhere(self.truth >= 0)
        row, column = np.unravel_index(int(np.where(free, doubt, -1).argmax()), doubt.shape)
        return int(row), int(column)
