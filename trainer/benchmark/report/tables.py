"""The report's tables, made once for the terminal, for Markdown and for HTML; and the published figures beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trainer.benchmark.report.groups import Spread, percent_of_full, ranked
from trainer.benchmark.report.wording import (
    MISSING,
    aligned,
    fraction_text,
    label_text,
    model_title,
    number,
    spread_text,
    variant_titles,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainer.benchmark.report.groups import Group
    from trainer.benchmark.results import CellResult, SplitScores

__all__ = ["PUBLISHED", "ReportTable", "cells_table", "groups_table", "iou_table", "published_table", "table"]

PUBLISHED: Final[dict[tuple[str, float], tuple[float, float, float]]] = {
    ("unetplusplus", 0.10): (0.5054, 0.5054, 0.8680),
    ("unet", 0.15): (0.4902, 0.4764, 0.8605),
    ("unet", 0.10): (0.4887, 0.4775, 0.8640),
    ("unetplusplus", 0.15): (0.4705, 0.4630, 0.8398),
}
"""Best mIoU, final mIoU and final accuracy of the published report, by model and label fraction: on LandCover.ai."""

_THREE: Final = ("Best mIoU", "Final mIoU", "Final accuracy")
_FOUR: Final = ("mIoU", "Accuracy", "mIoU (batch mean)", "Accuracy (batch mean)")


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table of text.

    Parameters
    ----------
    header : tuple of str
        One for each column.
    rows : tuple of tuple of str
        As long as the header.
    texts : int
        How many of the first columns are words; the others are numbers.
    spans : tuple of (str, int)
        A header above the header: titles, and over how many columns each goes; empty for none.
    marked : frozenset of int
        Rows that are set apart: those of full supervision.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int
    spans: tuple[tuple[str, int], ...] = ()
    marked: frozenset[int] = frozenset()

    def markdown(self) -> str:
        """Return it as Markdown, which has no header above a header: its titles go into those below."""
        titles = [title for title, count in self.spans for _ in range(count)] or [""] * len(self.header)
        header = [f"{above}: {own}" if above else own for above, own in zip(titles, self.header, strict=True)]
        return aligned(header, self.rows, self.texts)


def _published(cell: CellResult | Group) -> tuple[float, float, float] | None:
    return PUBLISHED.get((cell.model, round(cell.amount, 6))) if cell.labels == "random" else None


def _minutes(cell: CellResult) -> str:
    return number(cell.seconds / 60, 1)


def _varying(cells: Sequence[CellResult]) -> list[tuple[str, list[str]]]:
    """Return the columns that tell cells apart besides network and labels."""
    columns = {
        "Preset": [c.preset for c in cells],
        "Width": [str(c.width) for c in cells],
        "Seed": [str(c.seed) for c in cells],
    }
    return [(title, texts) for title, texts in columns.items() if len(set(texts)) > 1]


def table(cells: Sequence[CellResult]) -> str:
    """Return the cells as a Markdown table with aligned columns, for the terminal, the best cell first."""
    order = ranked(cells)
    varying = _varying(order)
    header = ["Architecture", "Labels", *(title for title, _ in varying), *_THREE]
    header += ["Best mIoU (batch mean)", "% of full", "Test mIoU", "Minutes", "Published best / final / accuracy"]
    rows = []
    for i, cell in enumerate(order):
        published = _published(cell)
        rows.append(
            [
                model_title(cell.model),
                label_text(cell) + (", diverged" if cell.diverged else ""),
                *(texts[i] for _, texts in varying),
                *map(number, (cell.best_miou, cell.final_miou, cell.final_accuracy, cell.best_batch_miou)),
                number(percent_of_full(cell, cells), 1),
                number(cell.test.miou) if cell.test else MISSING,
                _minutes(cell),
                " / ".join(map(number, published)) if published else MISSING,
            ]
        )
    return aligned(header, rows, texts=2 + len(varying))


def published_table(groups: Sequence[Group]) -> ReportTable:
    """Return the published figures and, beside each, what the same network and share of labels came to here.

    Groups of the preset "paper" are marked with a dagger.
    """
    titles = variant_titles([g.variant for g in groups])
    rows = []
    for (model, fraction), published in PUBLISHED.items():
        own = [g for g in groups if g.model == model and _published(g) == published]
        start = model_title(model), fraction_text(fraction)
        for group in own:
            name = titles[group.variant].removeprefix("preset ") or group.variant.preset
            name += " †" if group.variant.preset == "paper" else ""
            values = (*_batch_means(group), *_whole_set(group))
            shown = (*map(number, published), *map(spread_text, values))
            rows.append((*start, name, *shown, str(len(group.cells))))
        if not own:
            rows.append((*start, MISSING, *map(number, published), *[MISSING] * 6, "0"))
    spans = (("", 3), ("Published", 3), ("Here, mean over batches", 3), ("Here, one confusion matrix", 3), ("", 1))
    return ReportTable(("Architecture", "Labels", "Setting", *_THREE * 3, "Cells"), tuple(rows), 3, spans)


def _whole_set(group: Group) -> tuple[Spread, Spread, Spread]:
    return group.best_miou, group.final_miou, group.final_accuracy


def _batch_means(group: Group) -> tuple[Spread, Spread, Spread]:
    return group.best_batch_miou, group.final_batch_miou, group.final_batch_accuracy


def groups_table(groups: Sequence[Group]) -> ReportTable:
    """Return means over seeds, with their deviations."""
    titles = variant_titles([g.variant for g in groups])
    several = len(titles) > 1
    rows = tuple(
        (
            model_title(g.model),
            label_text(g),
            *([titles[g.variant].removeprefix("preset ")] if several else []),
            fraction_text(g.fraction),
            str(len(g.cells)),
            number(g.percent_of_full.mean, 1) if g.full else spread_text(g.percent_of_full, 1),
            *map(spread_text, (*_whole_set(g), *_batch_means(g), g.test_miou)),
        )
        for g in groups
    )
    header = ("Architecture", "Labels", *(["Setting"] if several else []), "Labelled", "Cells", "% of full")
    spans = (
        ("", len(header)),
        ("Validation, one confusion matrix", 3),
        ("Validation, mean over batches", 3),
        ("Test", 1),
    )
    marked = frozenset(i for i, g in enumerate(groups) if g.full)
    return ReportTable((*header, *_THREE, *_THREE, "mIoU"), rows, 2 + several, spans, marked)


def _four(scores: SplitScores | None) -> tuple[str, ...]:
    if scores is None:
        return (MISSING,) * 4
    return tuple(map(number, (scores.miou, scores.accuracy, scores.batch_miou, scores.batch_accuracy)))


def cells_table(cells: Sequence[CellResult]) -> ReportTable:
    """Return every cell with its settings and scores."""
    rows = []
    for c in cells:
        final = c.final_miou, c.final_accuracy, c.final_batch_miou, c.final_batch_accuracy
        kept = _four(c.val)
        rows.append(
            (
                *(f"{c.name} (diverged)" if c.diverged else c.name, model_title(c.model), label_text(c), c.preset),
                *(fraction_text(c.fraction), str(c.seed), str(c.width), str(c.input_size), str(c.batch_size)),
                *(f"{c.best_epoch}/{c.epochs}", str(c.steps), number(percent_of_full(c, cells), 1)),
                # The kept weights' mIoU is also there where the rest of their scores is not.
                *(number(c.best_miou), kept[1], number(c.best_batch_miou), kept[3]),
                *map(number, final),
                *_four(c.test),
                *(_minutes(c), f"{c.parameters / 1e6:.2f}", fraction_text(c.wait_share)),
            )
        )
    settings = ("Cell", "Architecture", "Labels", "Preset", "Labelled", "Seed", "Width", "Size", "Batch", "Epoch")
    header = (*settings, "Steps", "% of full", *_FOUR * 3, "Minutes", "Million weights", "Waiting")
    spans = (("", 12), ("Validation, kept epoch", 4), ("Validation, last epoch", 4), ("Test", 4), ("", 3))
    return ReportTable(header, tuple(rows), 4, spans, frozenset(i for i, c in enumerate(cells) if c.full))


def iou_table(cells: Sequence[CellResult]) -> ReportTable:
    """Return the IoU of each class of the kept weights, on both splits; cells of the same classes only."""
    names = cells[0].scheme.names
    missing = (math.nan,) * len(names)
    splits = ["Validation"] + (["Test"] if any(c.test for c in cells) else [])
    rows = []
    for c in cells:
        scores = [c.val, c.test][: len(splits)]
        rows.append((c.name, *(number(v) for s in scores for v in (s.iou if s else missing))))
    spans = (("", 1), *((split, len(names)) for split in splits))
    return ReportTable(
        ("Cell", *names * len(splits)), tuple(rows), 1, spans, frozenset(i for i, c in enumerate(cells) if c.full)
    )
