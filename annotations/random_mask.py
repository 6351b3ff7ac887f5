"""A random share of a ground truth's pixels: the labels with which few labels are tried out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from annotations.classes import UNLABELLED

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["random_mask"]

_STRIP: Final = 512


def random_mask(
    truth: NDArray[Any],
    fraction: float,
    seed: int,
    *,
    n_classes: int,
    per_class: bool = False,
    per: Literal["known", "all"] = "known",
) -> NDArray[np.int8]:
    """Keep a random share of a ground truth's pixels, exact in count and the same for the same seed.

    Parameters
    ----------
    truth : ndarray of int8 or uint8, (H, W)
        Class indices; whatever is not in 0 .. n_classes - 1 (-1, 255) is unknown and never drawn.
    fraction : float
        0 to 1: round(fraction * N) pixels are kept.
    seed : int
        Of the random numbers; the same seed gives the same result.
    n_classes : int
        Number of classes; values of the truth from there on are unknown.
    per_class : bool
        Draw the share of each class by itself, and at least one pixel of each that occurs (unless the fraction is 0).
    per : {"known", "all"}
        N is the number of known pixels, or of all of them; never are more kept than are known. With `per_class` each
        class has the same part of N as of the known pixels.

    Returns
    -------
    ndarray of int8, (H, W)
        -1 where not drawn.
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"a fraction lies between 0 and 1, not {fraction}")
    rng = np.random.default_rng(seed)
    mask = np.full(truth.shape, UNLABELLED, np.int8)
    counts = _strip_counts(truth, n_classes)
    known = int(counts.sum())
    share = fraction * (truth.size / known if per == "all" and known else 1)
    if not per_class:
        _draw(mask, truth, counts.sum(axis=1), min(round(share * known), known), (0, n_classes), rng)
        return mask
    for index in range(n_classes):
        of_class = int(counts[:, index].sum())
        count = min(round(share * of_class), of_class)
        if of_class and fraction > 0:
            count = max(count, 1)
        _draw(mask, truth, counts[:, index], count, (index, index + 1), rng)
    return mask


def _strip_counts(truth: NDArray[Any], n_classes: int) -> NDArray[np.int64]:
    """Return how many pixels of each class each strip of rows has, (strips, n_classes)."""
    strips = range(0, truth.shape[0], _STRIP)
    counts = np.zeros((len(strips), n_classes), np.int64)
    for n, top in enumerate(strips):
        strip = truth[top : top + _STRIP]
        for index in range(n_classes):
            counts[n, index] = np.count_nonzero(strip == index)
    return counts


def _draw(
    mask: NDArray[np.int8],
    truth: NDArray[Any],
    counts: NDArray[np.int64],
    total: int,
    values: tuple[int, int],
    rng: np.random.Generator,
) -> None:
    """Copy `total` random pixels with values in the half-open range from truth to mask.

    How many fall into each strip is drawn first, then which: uniform over all subsets, as one draw over the image would
    be, without a permutation of all its pixels in memory.
    """
    if not total:
        return
    shares = rng.multivariate_hypergeometric(counts, total, method="marginals")
    for n, count in enumerate(shares):
        if not count:
            continue
        rows = slice(n * _STRIP, (n + 1) * _STRIP)
        strip = truth[rows]
        places = np.flatnonzero((strip >= values[0]) & (strip < values[1]))
        chosen = np.unravel_index(rng.choice(places, int(count), replace=False, shuffle=False), strip.shape)
        mask[rows][chosen] = strip[chosen].astype(np.int8)
