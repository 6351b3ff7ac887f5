"""Between which two classes a network hesitates, and how much: what its answers hold beside class and confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from annotations.classes import NOT_PREDICTED

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["Hesitation"]


class Hesitation:
    """That of a region, filled in by whoever predicts it.

    Parameters
    ----------
    shape : tuple of int
        (h, w) of the region.

    Attributes
    ----------
    margin : ndarray of uint8, (h, w)
        1 minus the difference of the two largest probabilities: 0 certain, 255 undecided.
    runner_up : ndarray of uint8, (h, w)
        The second most probable class; 255 where there is none.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.margin: NDArray[np.uint8] = np.zeros(shape, np.uint8)
        self.runner_up: NDArray[np.uint8] = np.full(shape, NOT_PREDICTED, np.uint8)

    def take(self, at: tuple[slice, slice], probabilities: Tensor, best: Tensor, classes: Tensor) -> None:
        """Fill in a part of it.

        Parameters
        ----------
        at : tuple of slice
            Where in the region.
        probabilities : Tensor (K, h, w)
            Of each class, 0 to 1; used up.
        best : Tensor (h, w)
            The largest of them.
        classes : Tensor of int64, (h, w)
            The class whose that is.
        """
        if len(probabilities) < 2:
            return
        # Twice the largest: a third of the time of sorting out two.
        second, runner_up = probabilities.scatter_(0, classes[None], -1.0).max(dim=0)
        self.margin[at] = (1 - (best - second)).mul_(255).round_().to(torch.uint8).cpu().numpy()
        self.runner_up[at] = runner_up.to(torch.uint8).cpu().numpy()
