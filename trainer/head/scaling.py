"""How features are made comparable before a head is fitted to them.

Mean and deviation are those of the image, of which there are more pixels than labels; the many channels of a coarse map
must not outvote the few of a fine one, so each map counts as one; and directions in which they vary much over the image
are drawn in by half (partial whitening). What was tried besides is in docs/learner.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["Scaling", "measure_scaling"]

_WHITENING: Final = 0.5
_COMMON: Final = 8.0
"""Arbitrary: it keeps the penalty of the head comparable between sets of features."""
_LEAST: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """From raw features to those that a head is fitted to: minus `mean` (D,), times `matrix` (D, D)."""

    mean: Tensor
    matrix: Tensor

    def apply(self, features: Tensor) -> Tensor:
        """Return scaled features (N, D)."""
        return (features - self.mean) @ self.matrix

    def undone(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights (K, D) and constants (K,) for raw features, of weights (K, D + 1) for scaled ones."""
        raw = weights[:, :-1] @ self.matrix.T
        return raw, weights[:, -1] - raw @ self.mean


def measure_scaling(sample: Tensor, sizes: Sequence[tuple[int, int]]) -> Scaling:
    """Measure the scaling.

    Parameters
    ----------
    sample : Tensor (N, D)
        Raw features of pixels from all over the image, float32.
    sizes : sequence of (int, int)
        Channels of each map, whose sum is D, and as how many they count.
    """
    mean = sample.mean(0)
    share = torch.cat([torch.full((n,), float(counted)) for n, counted in sizes]).to(sample).sqrt()
    deviation = sample.std(0) if len(sample) > 1 else torch.ones_like(mean)
    scale = _COMMON / ((deviation + _LEAST) * share)
    # A feature that is the same everywhere in the sample tells nothing: its deviation is noise.
    scale = torch.where(deviation > _LEAST, scale, torch.zeros_like(scale))
    centred = (sample - mean) * scale
    values, vectors = torch.linalg.eigh((centred.T @ centred / len(centred)).double())
    values = values.clamp_min(0)
    typical = values.mean().clamp_min(1e-12)
    drawn = ((values + typical) / typical) ** (-_WHITENING / 2)
    return Scaling(mean, scale[:, None] * (vectors * drawn).float())
