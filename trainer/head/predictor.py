"""What a head and the features at hand make of an image: classes and confidence, window by window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from trainer.head.features import windows_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.region import Region
    from trainer.head.features import FeatureSource
    from trainer.head.linear_head import LinearHead
    from trainer.live.pixels import PixelSource
    from trainer.predict.hesitation import Hesitation

__all__ = ["HeadPredictor"]


class HeadPredictor:
    """Heads of one moment, for each resolution that was asked for.

    Parameters
    ----------
    features : FeatureSource
        Of the image.
    heads : dict of int to LinearHead
        By resolution: how often the image is halved. Whoever fits the heads adds to it while it is in use; one that is
        there is never replaced.
    settled : bool
        Whether they know all labels of their moment.
    """

    def __init__(self, features: FeatureSource, heads: dict[int, LinearHead], *, settled: bool = True) -> None:
        self._features = features
        self._heads = heads
        self._settled = settled

    def can(self, level: int) -> bool:
        """Whether there is a head for this resolution."""
        return level in self._heads

    def settled(self, level: int) -> bool:
        """Whether the head for this resolution knows all labels, see `RegionPredictor`."""
        return self._settled and level in self._heads

    def ahead(self, level: int, region: Region) -> None:
        """Begin with what a region will need, see `RegionPredictor`."""
        for window in windows_in(region, self._features.shape(level)):
            self._features.ahead(level, window)

    @torch.inference_mode()
    def region(
        self, level: int, source: PixelSource, region: Region, hesitation: Hesitation | None = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return classes and confidence, each uint8 of the region's shape; see `RegionPredictor`."""
        with self._features.sharing():
            return self._region(level, source, region, hesitation)

    def _region(
        self, level: int, source: PixelSource, region: Region, hesitation: Hesitation | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        head = self._heads[level]
        classes, confidence = np.empty(region.shape, np.uint8), np.empty(region.shape, np.uint8)
        for window in windows_in(region, source.shape):
            part = window.intersection(region)
            logits = self._features.window(level, window).answers(head.weights, head.constants)
            rows, columns = part.within(window).slices
            probabilities = logits[:, rows, columns].softmax(dim=0)
            probability, best = probabilities.max(dim=0)
            at = part.within(region).slices
            if hesitation is not None:
                hesitation.take(at, probabilities, probability, best)
            classes[at] = best.to(torch.uint8).cpu().numpy()
            confidence[at] = probability.mul_(255).round_().to(torch.uint8).cpu().numpy()
        return classes, confidence
