"""The figures by class: IoU on both splits, and confusion matrices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from trainer.benchmark.report.groups import spread
from trainer.benchmark.report.panels import panel_rows
from trainer.benchmark.report.svg import FULL_WIDTH, GREY, model_colours, new_figure
from trainer.benchmark.report.wording import label_text, model_title, number, variant_titles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from trainer.benchmark.report.groups import Group
    from trainer.benchmark.results import CellResult

__all__ = ["confusion_figure", "iou_figure"]

_ACROSS: Final = 4
_NUMBERS_UP_TO: Final = 12
"""Classes; of more, percentages would not fit into their fields."""


def iou_figure(groups: Sequence[Group]) -> Figure | None:
    """Draw a dot for each class, network and split; None where no cell has scores. All are of the same classes."""
    shown = [g for g in groups if any(c.val or c.test for c in g.cells)]
    if not shown:
        return None
    from matplotlib.lines import Line2D

    rows = panel_rows(shown)
    names = shown[0].cells[0].scheme.names
    models = list(dict.fromkeys(g.model for g in shown))
    colours = model_colours(models)
    across = max(len(panels) for _, panels in rows)
    height = 0.55 + len(names) * max(0.3, 0.17 * len(models))
    figure = new_figure(min(FULL_WIDTH, 2.5 + 3 * across), (height + 0.35) * len(rows) + 0.35)
    blocks = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
    for block, (title, panels) in zip(blocks, rows, strict=True):
        grid = block.subplots(1, across, sharex=True, sharey=True, squeeze=False)[0]
        block.suptitle(title, x=0.01, ha="left", fontsize=9, color=GREY)
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        for axes, panel in zip(grid, panels, strict=False):
            for group in panel.groups:
                _dots(axes, group, models, colours[group.model])
            axes.set_title(panel.title)
            axes.set_xlim(-0.03, 1.03)
            axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
            axes.set_ylim(len(names) - 0.5, -0.5)
            axes.set_yticks(range(len(names)), names)
            axes.tick_params(axis="y", length=0)
            axes.grid(visible=True, axis="x")
            axes.grid(visible=False, axis="y")
            for between in range(len(names) - 1):
                axes.axhline(between + 0.5, color="#e4e4e4", lw=0.7, zorder=0)
        grid[0].set_xlabel("IoU")
    handles = [Line2D([], [], color=colours[m], ls="", marker="o", label=model_title(m)) for m in models]
    if any(c.test for g in shown for c in g.cells):
        handles += [
            Line2D([], [], color=GREY, ls="", marker="o", label="validation"),
            Line2D([], [], color=GREY, ls="", marker="D", ms=5, mfc="white", label="test"),
        ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), handletextpad=0.2)
    return figure


def _dots(axes: Axes, group: Group, models: Sequence[str], colour: str) -> None:
    step = 0.7 / len(models)
    place = (models.index(group.model) - (len(models) - 1) / 2) * step
    for split, marker, face, size in (("val", "o", colour, 5.5), ("test", "D", "white", 4.5)):
        scores = [s for c in group.cells if (s := getattr(c, split)) is not None]
        for index in range(len(scores[0].iou) if scores else 0):
            value = spread(s.iou[index] for s in scores)
            if math.isfinite(value.mean):
                bar = value.sd if math.isfinite(value.sd) else None
                look: dict[str, Any] = {"color": colour, "mfc": face, "marker": marker, "ms": size, "elinewidth": 1.1}
                axes.errorbar(value.mean, index + place, xerr=bar, **look)


def confusion_figure(cells: Sequence[CellResult], groups: Sequence[Group]) -> Figure | None:
    """Draw the confusion matrices of cells on the validation split, each row in percent; None where there are none.

    Parameters
    ----------
    cells : sequence of CellResult
        Which are shown.
    groups : sequence of Group
        All there are: names are chosen so that they tell these apart.
    """
    shown = [c for c in cells if c.val]
    if not shown:
        return None
    titles = variant_titles([g.variant for g in groups])
    variants = {c.name: titles[g.variant] for g in groups for c in g.cells}
    size = max(len(c.scheme) for c in shown)
    down = -(-len(shown) // _ACROSS)
    across = -(-len(shown) // down)
    figure = new_figure(FULL_WIDTH * (0.28 + 0.18 * across), 0.9 + 2.35 * down, squares=True)
    grid = figure.subplots(down, across, squeeze=False, gridspec_kw={"hspace": 0.12})
    image: AxesImage | None = None
    for axes in grid.flat[len(shown) :]:
        axes.set_visible(False)
    for index, cell in enumerate(shown):
        axes = grid.flat[index]
        image = _matrix(axes, cell, numbers=size <= _NUMBERS_UP_TO)
        name = f"{model_title(cell.model)}, {label_text(cell)}"
        about = ", ".join(filter(None, (variants[cell.name], f"mIoU {number(cell.best_miou, 3)}")))
        axes.set_title(name, pad=17, fontsize=8.5)
        axes.annotate(about, (0.5, 1), (0, 5), "axes fraction", "offset points", ha="center", fontsize=8, color=GREY)
        same = len({c.scheme for c in shown}) == 1
        if same and index % across:
            axes.set_yticklabels([])
        if same and index + across < len(shown):
            axes.set_xticklabels([])
    for row in grid:
        row[0].set_ylabel("Truth")
    figure.supxlabel("Prediction", fontsize=9)
    if image is not None:
        bar = figure.colorbar(image, ax=grid, fraction=0.025, aspect=30, shrink=0.8)
        bar.set_label("% of the class's true pixels")
        bar.outline.set_visible(False)
    return figure


def _matrix(axes: Axes, cell: CellResult, *, numbers: bool) -> AxesImage:
    counts = np.array(cell.val.confusion if cell.val else (), np.float64)
    total = counts.sum(axis=1, keepdims=True)
    percent = np.divide(100 * counts, total, out=np.full_like(counts, np.nan), where=total > 0)
    image = axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    axes.set_facecolor("#f0f0f0")
    names, places = cell.scheme.names, range(len(counts))
    axes.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, names)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    if numbers:
        for (row, column), value in np.ndenumerate(percent):
            text = f"{value:.0f}" if math.isfinite(value) else "–"
            colour = "white" if value > 55 else "#222222"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    return image
