"""A linear head on frozen features of several resolutions: softmax regression on the labelled pixels, in one fit.

A head that is linear may be applied to each resolution by itself and its answers enlarged and added, so that a map
costs a small matrix product and no pass of a network. What is done to the features first was chosen by trying
(docs/learner.md): they are brought to mean 0 and deviation 1 over the *image*, not over the labelled pixels; each
resolution's are divided by the root of their number, so that the many channels of a coarse one do not outvote the
rest; and directions in which they vary much over the image are drawn in by half (partial whitening).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["LinearHead", "fit_softmax"]

_MOST_LABELS = 4000
_SAMPLE = 20_000  # pixels of the image, for mean and covariance


def fit_softmax(features: Tensor, classes: Tensor, n_classes: int, penalty: float, iterations: int = 60) -> Tensor:
    """Return weights (n_classes, D + 1), the last column for the constant, of a class-balanced softmax regression.

    Minimises the cross-entropy, each class weighed alike, plus penalty / 2 times the sum of squared weights, by L-BFGS.

    Parameters
    ----------
    features : Tensor (N, D)
        Of labelled pixels.
    classes : Tensor of int64, (N,)
        Their classes.
    n_classes : int
        Number of classes; one without labels is never answered.
    penalty : float
        Above 0.
    iterations : int
        At the most.
    """
    counts = torch.bincount(classes, minlength=n_classes)
    share = 1 / (counts[classes] * (counts > 0).sum())
    inputs = torch.cat([features, torch.ones(len(features), 1)], dim=1)
    weights = torch.zeros(n_classes, inputs.shape[1], requires_grad=True)
    missing = torch.where(counts > 0, 0.0, -1e4)
    optimizer = torch.optim.LBFGS([weights], max_iter=iterations, history_size=10, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        entropy = functional.cross_entropy(inputs @ weights.T + missing, classes, reduction="none")
        value = (entropy * share).sum() + penalty / 2 * (weights[:, :-1] ** 2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    result = weights.detach()
    result[:, -1] += missing
    return result


class LinearHead:
    """Maps (C, h, w) of several resolutions of one image, and the head on them.

    Parameters
    ----------
    maps : list of Tensor
        Features; each covers the whole image.
    shape : tuple of int
        (H, W) of the image.
    penalty : float
        Of `fit_softmax`.
    whitening : float
        0 for none, 1 for all.
    """

    def __init__(
        self, maps: list[Tensor], shape: tuple[int, int], *, penalty: float = 0.4, whitening: float = 0.5
    ) -> None:
        self._maps = maps
        self._shape = shape
        self._penalty = penalty
        places = np.random.default_rng(0).integers(0, shape, (_SAMPLE, 2))
        sample = self._at(torch.from_numpy(places))
        self._mean = sample.mean(0)
        sizes = torch.cat([torch.full((len(m),), float(len(m))) for m in maps])
        # The root of 64 is arbitrary: it keeps penalties comparable between sets of features.
        scale = 8 / ((sample.std(0) + 1e-6) * sizes.sqrt())
        centred = (sample - self._mean) * scale
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
        typical = values.mean()
        drawn = ((values.clamp_min(0) + typical) / typical) ** (-whitening / 2)
        self._transform = scale[:, None] * (vectors * drawn)

    def _at(self, places: Tensor) -> Tensor:
        """Return features (N, D) at rows and columns (N, 2), between the pixels of coarse maps by bilinear mixing."""
        size = torch.tensor(self._shape)
        grid = ((places + 0.5) / size * 2 - 1).flip(-1).float()[None, None]
        parts = [
            functional.grid_sample(m[None], grid, mode="bilinear", padding_mode="border", align_corners=False)[
                0, :, 0
            ].T
            for m in self._maps
        ]
        return torch.cat(parts, dim=1)

    @torch.no_grad()
    def map(self, labels: NDArray[np.int8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return classes and confidence, each uint8 of (H, W), learnt from labels (H, W), -1 = unlabelled."""
        places = np.argwhere(labels >= 0)
        if len(places) > _MOST_LABELS:
            places = places[np.random.default_rng(0).choice(len(places), _MOST_LABELS, replace=False)]
        classes = torch.from_numpy(labels[tuple(places.T)].astype(np.int64))
        features = (self._at(torch.from_numpy(places)) - self._mean) @ self._transform
        with torch.enable_grad():
            weights = fit_softmax(features, classes, int(classes.max()) + 1, self._penalty)
        own = weights[:, :-1] @ self._transform.T
        logits = (weights[:, -1] - own @ self._mean)[:, None, None].expand(-1, *self._shape).clone()
        start = 0
        for m in self._maps:
            part = own[:, start : start + len(m)]
            start += len(m)
            coarse = (part @ m.flatten(1)).reshape(-1, *m.shape[1:])
            logits += functional.interpolate(coarse[None], size=self._shape, mode="bilinear", align_corners=False)[0]
        probability, best = logits.softmax(0).max(0)
        return best.to(torch.uint8).numpy(), (probability * 255).round().to(torch.uint8).numpy()
