"""The learner of ilastik, Weka and Labkit, to compare with: a random forest on filter responses."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Forest"]


class Forest:
    """A random forest on scikit-image's multiscale_basic_features; seconds are counted as it goes.

    Parameters
    ----------
    image : ndarray (H, W, bands)
        Three bands are used.
    """

    def __init__(self, image: NDArray[Any]) -> None:
        from skimage.feature import multiscale_basic_features

        start = time.perf_counter()
        self._features = multiscale_basic_features(
            image[..., :3], intensity=True, edges=True, texture=True, sigma_min=1, sigma_max=16, channel_axis=-1
        )
        self.feature_seconds = time.perf_counter() - start

    def map(self, labels: NDArray[np.int8]) -> tuple[NDArray[np.uint8], float]:
        """Return the map learnt from labels (-1 where there are none), and the seconds for learning and predicting."""
        from sklearn.ensemble import RandomForestClassifier

        start = time.perf_counter()
        labelled = labels >= 0
        forest = RandomForestClassifier(100, max_depth=12, min_samples_leaf=5, n_jobs=2, random_state=0)
        forest.fit(self._features[labelled], labels[labelled])
        flat = self._features.reshape(-1, self._features.shape[-1])
        prediction = forest.predict(flat).reshape(labels.shape).astype(np.uint8)
        return prediction, time.perf_counter() - start
