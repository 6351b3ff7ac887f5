"""What the report's figures and tables are made of: cells set against full supervision, and means over seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trainer.benchmark.results import CellResult, LabelKind

__all__ = ["Group", "Spread", "Variant", "evenly", "groups", "percent_of_full", "ranked", "spread"]

T = TypeVar("T")

_KINDS: Final = ("random", "clicks", "scribbles")


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and sample standard deviation of the numbers among some values.

    Parameters
    ----------
    mean : float
        NaN where there is no number.
    sd : float
        NaN for fewer than two numbers.
    n : int
        How many of the values are numbers.
    """

    mean: float
    sd: float
    n: int


def spread(values: Iterable[float]) -> Spread:
    """Return mean, sample standard deviation and number of the finite values."""
    finite = [v for v in values if math.isfinite(v)]
    if not finite:
        return Spread(math.nan, math.nan, 0)
    return Spread(float(np.mean(finite)), float(np.std(finite, ddof=1)) if len(finite) > 1 else math.nan, len(finite))


@dataclass(frozen=True, slots=True, order=True)
class Variant:
    """Everything besides network, labels and seed: scores of different variants are not compared with each other."""

    preset: str
    data: str
    width: int
    input_size: int
    batch_size: int
    epochs: int
    steps: int
    recipe: str


def _variant(cell: CellResult) -> Variant:
    sizes = (cell.width, cell.input_size, cell.batch_size, cell.epochs, cell.steps)
    return Variant(cell.preset, cell.data, *sizes, cell.recipe)


@dataclass(frozen=True, slots=True)
class Group:
    """Cells that differ in their seed alone.

    Parameters
    ----------
    variant : Variant
        Preset, data, sizes and length of training.
    model, labels, amount
        As in `CellResult`.
    fraction : float
        Mean over the cells: that of clicks and scribbles differs a little with the seed.
    cells : tuple of CellResult
        In the order of the seeds.
    best_miou, final_miou, final_accuracy, best_batch_miou, final_batch_miou, final_batch_accuracy : Spread
        On the validation split.
    percent_of_full : Spread
        See `percent_of_full`.
    test_miou : Spread
        Of the kept weights on the test split.
    """

    variant: Variant
    model: str
    labels: LabelKind
    amount: float
    fraction: float
    cells: tuple[CellResult, ...]
    best_miou: Spread
    final_miou: Spread
    final_accuracy: Spread
    best_batch_miou: Spread
    final_batch_miou: Spread
    final_batch_accuracy: Spread
    percent_of_full: Spread
    test_miou: Spread

    @property
    def full(self) -> bool:
        """Whether every pixel with a ground truth was learnt from."""
        return self.cells[0].full

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, each once."""
        return tuple(sorted({c.seed for c in self.cells}))

    @property
    def best(self) -> CellResult:
        """The cell with the best mIoU."""
        return ranked(self.cells)[0]

    def to_json(self) -> dict[str, Any]:
        """Return plain values; NaN is left to the writer."""
        names = [n for n in type(self).__slots__ if isinstance(getattr(self, n), Spread)]
        return {
            **{n: getattr(self.variant, n) for n in Variant.__slots__},
            **{n: getattr(self, n) for n in ("model", "labels", "amount", "fraction")},
            "seeds": list(self.seeds),
            "cells": [c.name for c in self.cells],
            **{n: {"mean": s.mean, "sd": s.sd, "n": s.n} for n in names for s in (getattr(self, n),)},
        }


def percent_of_full(cell: CellResult, cells: Iterable[CellResult]) -> float:
    """Return a cell's best mIoU as a percentage of what full supervision gives.

    Parameters
    ----------
    cell : CellResult
        Any cell, also a reference.
    cells : iterable of CellResult
        Where references are looked for: preset, data, network, sizes and length of training must be the cell's.

    Returns
    -------
    float
        Relative to the reference of the same seed, or without one to the mean over all seeds; NaN where there is no
        reference with a score above 0 that did not diverge, or the cell has no score.
    """
    references = [
        c
        for c in cells
        if c.full and c.model == cell.model and _variant(c) == _variant(cell) and c.best_miou > 0 and not c.diverged
    ]
    same = [c for c in references if c.seed == cell.seed]
    reference = spread(c.best_miou for c in same or references).mean
    return 100 * cell.best_miou / reference


def groups(cells: Sequence[CellResult]) -> list[Group]:
    """Gather the cells that differ in their seed alone.

    Returns
    -------
    list of Group
        By variant (the one with the most cells first), network, kind of labels, and from few to many.
    """
    members: dict[tuple[Any, ...], list[CellResult]] = {}
    for cell in sorted(cells, key=lambda c: (c.seed, c.name)):
        key = _variant(cell), cell.model, cell.labels, round(cell.amount, 9)
        members.setdefault(key, []).append(cell)
    sizes: dict[Variant, int] = {}
    for (variant, *_), those in members.items():
        sizes[variant] = sizes.get(variant, 0) + len(those)

    def order(key: tuple[Any, ...]) -> tuple[Any, ...]:
        variant, model, labels, amount = key
        return -sizes[variant], variant, model, _KINDS.index(labels), amount

    return [_group(key[0], members[key], cells) for key in sorted(members, key=order)]


def _group(variant: Variant, cells: list[CellResult], among: Sequence[CellResult]) -> Group:
    def over(value: Callable[[CellResult], float]) -> Spread:
        return spread(map(value, cells))

    first = cells[0]
    return Group(
        variant=variant,
        model=first.model,
        labels=first.labels,
        amount=first.amount,
        fraction=spread(c.fraction for c in cells).mean,
        cells=tuple(cells),
        best_miou=over(lambda c: c.best_miou),
        final_miou=over(lambda c: c.final_miou),
        final_accuracy=over(lambda c: c.final_accuracy),
        best_batch_miou=over(lambda c: c.best_batch_miou),
        final_batch_miou=over(lambda c: c.final_batch_miou),
        final_batch_accuracy=over(lambda c: c.final_batch_accuracy),
        percent_of_full=over(lambda c: percent_of_full(c, among)),
        test_miou=over(lambda c: c.test.miou if c.test else math.nan),
    )


def ranked(cells: Iterable[CellResult]) -> list[CellResult]:
    """Return cells by their best mIoU, the best first, those without a score last."""
    return sorted(cells, key=lambda c: (math.isnan(c.best_miou), -c.best_miou, c.name))


def evenly(items: Sequence[T], count: int) -> list[T]:
    """Return at most `count` items, evenly through the sequence, its first and last among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(i)] for i in np.linspace(0, len(items) - 1, count)]
