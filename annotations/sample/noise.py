"""Smooth random fields of any grain, in the same bytes for the same generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    Field = NDArray[np.float32]

__all__ = ["fractal", "grain", "lattice", "smoothstep"]


def _spline(length: int, scale: float) -> Any:
    """Weights of a cubic B-spline with a knot every `scale` pixels, as a sparse matrix (length, knots)."""
    position = np.arange(length) / scale
    first = position.astype(np.int64)
    f = position - first
    weights = np.stack([(1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, -3 * f**3 + 3 * f**2 + 3 * f + 1, f**3], axis=1) / 6
    columns = first[:, None] + np.arange(4)
    starts = np.arange(0, 4 * length + 1, 4)
    shape = (length, int(first[-1]) + 4)
    return csr_array((weights.astype(np.float32).ravel(), columns.ravel(), starts), shape=shape)


def lattice(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Field:
    """Return smooth noise of mean 0 and standard deviation about 1 whose features are `scale` pixels across.

    A sparse product and not BLAS: the result does not depend on the number of threads.
    """
    rows, columns = _spline(shape[0], scale), _spline(shape[1], scale)
    knots = rng.standard_normal((rows.shape[1], columns.shape[1]), dtype=np.float32)
    across = np.ascontiguousarray((columns @ knots.T).T)
    field: Field = rows @ across
    field *= np.float32(1 / 0.48)
    return field


def fractal(
    rng: np.random.Generator, shape: tuple[int, int], scale: float, octaves: int = 4, gain: float = 0.55
) -> Field:
    """Return noise summed over octaves, each half as wide and `gain` times as strong as the one before."""
    total = lattice(rng, shape, scale)
    power = 1.0
    for octave in range(1, octaves):
        total += np.float32(gain**octave) * lattice(rng, shape, max(scale / 2**octave, 1.5))
        power += gain ** (2 * octave)
    total *= np.float32(power**-0.5)
    return total


def grain(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> Field:
    """Return white noise blurred by `sigma` pixels, of standard deviation 1."""
    field: Field = rng.standard_normal(shape, dtype=np.float32)
    if sigma > 0:
        field = gaussian_filter(field, sigma, mode="wrap", truncate=3)
        field /= np.float32(field.std())
    return field


def smoothstep(value: NDArray[Any], low: Any, high: Any) -> Field:
    """Return 0 below `low`, 1 above `high`, and an S-shaped rise between; `low` may be the larger."""
    t = np.clip((value - low) / (high - low), 0, 1)
    result: Field = (t * t * (3 - 2 * t)).astype(np.float32)
    return result
