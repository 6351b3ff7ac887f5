"""What points drawn by chance say of the whole map: accuracy, IoU and areas, with intervals.

The estimators are those for stratified samples of Olofsson et al. (2014), "Good practices for estimating area and
assessing accuracy of land change", in the form of Stehman (2014), "Estimating area and map accuracy for stratified
random sampling when the strata are different from the map classes": means and ratios of indicators. Where the strata
are the classes of the map the two are the same. The map goes on being learnt after the points were drawn, and then they
are not; a point keeps the stratum that it was drawn from, and so the figures are those of the map as it is now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Accuracy", "Estimate", "assess", "interval"]

_Z: Final = 1.959964  # of a normal distribution, 95 % lie between -z and z
_FEW: Final = 5


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share, and the interval in which the true one likely lies.

    Parameters
    ----------
    value : float
        0 to 1; NaN where nothing can be said.
    error : float
        Its standard error.
    low, high : float
        Ends of the 95 % interval.
    points : int
        How many points it rests on.
    """

    value: float
    error: float
    low: float
    high: float
    points: int

    @property
    def known(self) -> bool:
        """Whether it rests on enough points to be said: five."""
        return self.points >= _FEW and bool(np.isfinite(self.value))


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What is estimated of a map.

    Parameters
    ----------
    matrix : ndarray of int64, shape (k, k)
        Points, by the class of the map (rows) and what was seen there (columns).
    overall : Estimate
        The share of the map that is right.
    mean_iou : Estimate
        The mean IoU of the classes of which enough is known.
    users : tuple of Estimate
        Of what the map calls a class, the share that is it (user's accuracy, precision).
    producers : tuple of Estimate
        Of what is a class, the share that the map calls so (producer's accuracy, recall).
    iou : tuple of Estimate
        Intersection over union of each class.
    area : tuple of Estimate
        The share of the ground that each class covers, by what was seen; not by what the map shows.
    mapped : ndarray of float64, shape (k,)
        The share that the map gives each class, estimated from the same points.
    unseen : float
        The share of the map whose stratum has no answer yet: the figures speak of the rest.
    """

    matrix: NDArray[np.int64]
    overall: Estimate
    mean_iou: Estimate
    users: tuple[Estimate, ...]
    producers: tuple[Estimate, ...]
    iou: tuple[Estimate, ...]
    area: tuple[Estimate, ...]
    mapped: NDArray[np.float64]
    unseen: float


def assess(
    pixels: NDArray[np.int64], strata: NDArray[Any], mapped: NDArray[Any], seen: NDArray[Any], n_classes: int
) -> Accuracy:
    """Estimate how good a map is.

    Parameters
    ----------
    pixels : ndarray of int64, shape (h,)
        Size of each stratum.
    strata : ndarray of integers, shape (n,)
        The stratum each point was drawn from.
    mapped : ndarray of integers, shape (n,)
        Class of the map there now; anything outside 0 .. n_classes - 1 is no class, and wrong.
    seen : ndarray of integers, shape (n,)
        What was seen there, 0 .. n_classes - 1. Points that nobody answered, or could not, are left out by the caller:
        they are taken to be as the others of their stratum.
    n_classes : int
        Number of classes.
    """
    strata, mapped, seen = (np.asarray(a, np.int64) for a in (strata, mapped, seen))
    design = _Design(np.asarray(pixels, np.float64), strata)
    maps = mapped[:, None] == np.arange(n_classes)
    sees = seen[:, None] == np.arange(n_classes)
    both, either = maps & sees, maps | sees
    users, producers, iou = (
        tuple(design.ratio(both[:, j], of[:, j]) for j in range(n_classes)) for of in (maps, sees, either)
    )
    inside = (mapped >= 0) & (mapped < n_classes)
    matrix = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(matrix, (mapped[inside], seen[inside]), 1)
    everything = np.ones(len(seen), bool)
    return Accuracy(
        matrix,
        design.ratio(both.any(1), everything),
        _mean(design, both, either, iou),
        users,
        producers,
        iou,
        tuple(design.ratio(sees[:, j], everything) for j in range(n_classes)),
        np.array([design.total(maps[:, j]) for j in range(n_classes)]),
        design.unseen,
    )


def interval(value: float, error: float, points: int) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a share.

    It is Wilson's, for as many points as a simple sample would need for the same error: within 0 and 1, and of some
    width where all points agree. What lost: value ± 1.96 errors, which says "1.00, without doubt" of five right ones.

    Parameters
    ----------
    value : float
        0 to 1.
    error : float
        Its standard error.
    points : int
        How many there are; no interval is narrower than so many allow where all agree.
    """
    if points == 0 or not np.isfinite(value):
        return 0.0, 1.0
    spread = value * (1 - value)
    n = min(spread / error**2, points) if error > 0 and spread > 0 else float(points)
    middle = (value + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * float(np.sqrt(spread / n + _Z**2 / (4 * n**2)))
    return max(min(middle - half, value), 0.0), min(max(middle + half, value), 1.0)


class _Design:
    """Which points were drawn from which stratum, and what each stands for."""

    def __init__(self, pixels: NDArray[np.float64], strata: NDArray[np.int64]) -> None:
        counts = np.bincount(strata, minlength=len(pixels))
        weights = np.where(counts > 0, pixels, 0.0)
        total = float(pixels.sum())
        self.unseen = 1 - float(weights.sum()) / total if total else 1.0
        self._weights = weights / max(float(weights.sum()), 1.0)
        self._counts, self._strata, self._pixels = counts, strata, pixels

    def total(self, values: NDArray[Any]) -> float:
        """Return the mean of a value over the whole map."""
        sums = np.bincount(self._strata, values.astype(np.float64), minlength=len(self._weights))
        return float((self._weights * sums / np.maximum(self._counts, 1)).sum())

    def error(self, values: NDArray[np.float64]) -> float:
        """Return the standard error of the mean of a value over the whole map."""
        n = np.maximum(self._counts, 1)
        means = np.bincount(self._strata, values, minlength=len(n)) / n
        squares = np.bincount(self._strata, (values - means[self._strata]) ** 2, minlength=len(n))
        # A single point says nothing of the spread around it: that of all points stands for it.
        within = np.where(self._counts > 1, squares / np.maximum(n - 1, 1), values.var() if len(values) else 0.0)
        left = 1 - np.minimum(self._counts / np.maximum(self._pixels, 1.0), 1.0)
        return float(np.sqrt((self._weights**2 * left * within / n).sum()))

    def ratio(self, part: NDArray[np.bool_], of: NDArray[np.bool_]) -> Estimate:
        """Return which share of `of` is `part`."""
        points, whole = int(of.sum()), self.total(of)
        if points == 0 or whole <= 0:
            return Estimate(float("nan"), float("nan"), 0.0, 1.0, 0)
        value = min(self.total(part) / whole, 1.0)
        error = self.error((part - value * of) / whole)
        return Estimate(value, error, *interval(value, error, points), points)


def _mean(design: _Design, both: NDArray[np.bool_], either: NDArray[np.bool_], iou: tuple[Estimate, ...]) -> Estimate:
    """Return the mean IoU of the classes that are known; its error follows from how each point moves all of them."""
    known = [j for j, estimate in enumerate(iou) if estimate.known]
    points = int(either[:, known].any(1).sum()) if known else 0
    if not known:
        return Estimate(float("nan"), float("nan"), 0.0, 1.0, 0)
    value = float(np.mean([iou[j].value for j in known]))
    moved = [(both[:, j] - iou[j].value * either[:, j]) / design.total(either[:, j]) for j in known]
    error = design.error(np.mean(moved, axis=0))
    return Estimate(value, error, *interval(value, error, points), points)
