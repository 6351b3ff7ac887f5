"""The head of the tool, answering for every fourth pixel along each axis: a map in a moment, for long simulations.

Fitted as the tool fits it, to the same features of all labelled pixels; only the answers are fewer. So a stroke takes a
fraction of a second, and some thousands can be tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from annotations.images.orthophoto import open_orthophoto
from annotations.images.statistics import band_statistics
from annotations.region import Region
from trainer.backbone_weights import load_backbone
from trainer.config import DeviceConfig, WorkConfig
from trainer.head.features import FeatureSource, windows_in
from trainer.head.labelled_features import LabelledFeatures
from trainer.head.linear_head import fit_head
from trainer.head.scaling import measure_scaling
from trainer.live.label_index import LabelIndex
from trainer.live.pixels import BlockCache
from trainer.normalisation import Normalisation
from trainer.precision import choose_precision
from trainer.predict.folded import folded

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["STRIDE", "ReducedHead"]

STRIDE = 4
"""Pixels from one answer to the next."""
_SAMPLE = 6000
_ROWS_AT_ONCE = 65536


class ReducedHead:
    """Learns an image as `trainer.head.learner.HeadLearner` does.

    Parameters
    ----------
    image : Path
        The raster.
    n_classes : int
        Number of classes.
    """

    def __init__(self, image: Path, n_classes: int) -> None:
        self._ortho = open_orthophoto(image)
        pixels = BlockCache(self._ortho)
        colours = self._ortho.colour_bands
        self._config = WorkConfig().head
        precision = choose_precision(DeviceConfig(), threads_default=torch.get_num_threads())
        self._features = FeatureSource(
            folded(load_backbone(), precision),
            lambda level: pixels,
            Normalisation(*band_statistics(self._ortho)),
            precision,
            colours * 3 if len(colours) == 1 else colours,
            self._config.megabytes,
        )
        self._n = n_classes
        self._index = LabelIndex(pixels.shape, n_classes)
        self._labelled = LabelledFeatures(self._features, 0)
        sample = self._features.sample(0)
        self._scaling = measure_scaling(sample, self._features.sizes)
        self._sample = sample[:: max(len(sample) // _SAMPLE, 1)].clone()
        self.shape = tuple(-(-size // STRIDE) for size in pixels.shape)
        self._known = self._answers_need(pixels.shape)

    def _answers_need(self, shape: tuple[int, int]) -> Tensor:
        """Return the features (h * w, D), float16, of the pixels that are answered for."""
        found: Tensor | None = None
        for window in windows_in(Region.whole(shape), shape):
            rows = np.arange(window.top, window.bottom)
            columns = np.arange(window.left, window.right)
            rows, columns = (at[at % STRIDE == STRIDE // 2] for at in (rows, columns))
            places = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
            values = self._features.window(0, window).at(torch.from_numpy(places)).half()
            if found is None:
                found = torch.zeros((*self.shape, values.shape[1]), dtype=torch.float16)
            top, left = rows[0] // STRIDE, columns[0] // STRIDE
            found[top : top + len(rows), left : left + len(columns)] = values.view(len(rows), len(columns), -1)
        assert found is not None
        return found.flatten(0, 1)

    def learn(self, labels: NDArray[np.int8]) -> NDArray[np.float32]:
        """Fit a head to labels (H, W), -1 = unlabelled; return the probabilities (K, h, w) of the answered pixels."""
        self._index.update(Region.whole(labels.shape), labels)
        self._labelled.labels_are(*self._index.spread())
        while not self._labelled.complete:
            self._labelled.collect()
        known = self._labelled.known()
        assert known is not None, "labels of two classes are needed"
        head = fit_head(*known, self._n, self._scaling, self._config.penalty, self._sample, self._config.prior)
        parts = [part.float() @ head.weights.T + head.constants for part in self._known.split(_ROWS_AT_ONCE)]
        answers: NDArray[np.float32] = torch.cat(parts).softmax(1).T.reshape(self._n, *self.shape).numpy()
        return answers

    def close(self) -> None:
        """Close the image."""
        self._ortho.close()
