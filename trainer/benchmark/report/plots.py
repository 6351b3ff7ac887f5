"""The figure of mIoU against the labelled share, and that of the training curves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from trainer.benchmark.report.panels import panel_rows
from trainer.benchmark.report.svg import FULL_WIDTH, GREY, model_colours, new_figure
from trainer.benchmark.report.wording import fraction_text, label_text, model_title, variant_titles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from trainer.benchmark.report.cell_files import Curves
    from trainer.benchmark.report.groups import Group, Spread

__all__ = ["curves_figure", "labels_figure", "loss_top"]

_VARIANT_LINES: Final = ("-", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
_VARIANT_MARKERS: Final = ("o", "s", "^", "v")
_DRAWN_MARKERS: Final = {"clicks": ("X", "P", "*"), "scribbles": ("D", "d", "p")}
_LABEL_LINES: Final = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
_FEW: Final = 8
_LEAST_SPAN: Final = 0.1


def labels_figure(groups: Sequence[Group]) -> Figure | None:
    """Draw the best mIoU against the share of labelled pixels; None where no cell has a score."""
    shown = [g for g in groups if math.isfinite(g.best_miou.mean) and g.fraction > 0]
    if not shown:
        return None
    from matplotlib.lines import Line2D

    figure = new_figure(FULL_WIDTH, 4.4)
    axes = figure.add_subplot()
    titles = variant_titles([g.variant for g in shown])
    colours = model_colours([g.model for g in shown])
    series = list(dict.fromkeys((g.variant, g.model) for g in shown))
    drawn: list[tuple[str, float]] = list(dict.fromkeys((g.labels, g.amount) for g in shown if g.labels != "random"))
    markers = {key: _DRAWN_MARKERS[key[0]][[k for k in drawn if k[0] == key[0]].index(key) % 3] for key in drawn}
    span = math.log(max(g.fraction for g in shown) / min(g.fraction for g in shown))
    handles: list[Any] = []
    for index, (variant, model) in enumerate(series):
        own = [g for g in shown if (g.variant, g.model) == (variant, model)]
        at = list(titles).index(variant)
        # Networks stand beside each other where their labels are the same.
        shift = math.exp(0.004 * span * (2 * index - len(series) + 1))
        look: dict[str, Any] = {"color": colours[model], "mfc": colours[model] if at == 0 else "white"}
        line: dict[str, Any] = {"ls": _VARIANT_LINES[at % 4], "marker": _VARIANT_MARKERS[at % 4]}
        _series(axes, own, shift, look, line, markers)
        name = ", ".join(filter(None, (model_title(model), titles[variant])))
        handles.append(Line2D([], [], label=name, **look, **line))
    if any(g.full for g in shown):
        handles.append(Line2D([], [], color=GREY, ls=(0, (6, 3)), lw=1.1, label="full supervision"))
    for (labels, amount), marker in markers.items():
        label = label_text(next(g for g in shown if (g.labels, g.amount) == (labels, amount)))
        each = "a patch" if labels == "clicks" else "a class and patch"
        handles.append(Line2D([], [], color=GREY, ls="", marker=marker, ms=7, label=f"{label} {each}"))
    if any(len(g.cells) > 1 for g in shown):
        handles.append(Line2D([], [], color=GREY, ls="", marker="o", ms=3.5, alpha=0.5, label="one seed"))
    _share_axis(axes, [g.fraction for g in shown], [g.fraction for g in shown if g.labels == "random"])
    axes.set_xlabel("Labelled share of the training pixels")
    axes.set_ylabel("Best validation mIoU")
    low, high = axes.get_ylim()
    if high - low < _LEAST_SPAN:  # or differences of a thousandth would look large
        axes.set_ylim((low + high - _LEAST_SPAN) / 2, (low + high + _LEAST_SPAN) / 2)
    figure.legend(handles=handles, loc="outside right upper", handlelength=3.2, labelspacing=0.7)
    return figure


def _series(
    axes: Axes,
    groups: Sequence[Group],
    shift: float,
    look: dict[str, Any],
    line: dict[str, Any],
    markers: Mapping[tuple[str, float], str],
) -> None:
    colour = look["color"]
    random = [g for g in groups if g.labels == "random"]
    for g in groups:
        if len(g.cells) > 1:
            x, y = [g.fraction * shift] * len(g.cells), [c.best_miou for c in g.cells]
            axes.plot(x, y, "o", color=colour, ms=3.5, mew=0, alpha=0.4, zorder=2)
        if g.labels != "random":
            style = {**look, "ls": "", "marker": markers[g.labels, g.amount], "ms": 8, "capsize": 2.5, "zorder": 4}
            axes.errorbar(g.fraction * shift, g.best_miou.mean, _bar(g.best_miou), elinewidth=1.1, **style)
        if g.full:
            middle, half = g.best_miou.mean, _bar(g.best_miou)
            axes.axhline(middle, color=colour, ls=(0, (6, 3)), lw=1.1, zorder=1)
            axes.axhspan(middle - half, middle + half, color=colour, alpha=0.1, lw=0, zorder=0)
    if random:
        x, y = [g.fraction * shift for g in random], [g.best_miou.mean for g in random]
        bars = [_bar(g.best_miou) for g in random]
        axes.errorbar(x, y, bars, elinewidth=1.1, capsize=2.5, zorder=3, **look, **line)


def _bar(value: Spread) -> float:
    return value.sd if math.isfinite(value.sd) else 0.0


def _share_axis(axes: Axes, every: Sequence[float], ticks: Sequence[float]) -> None:
    """Make a logarithmic axis with ticks where there are cells, as far as their labels leave each other room."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    low, high = min(every), max(every)
    margin = 1.6 if high / low < 10 else (high / low) ** 0.04
    axes.set_xscale("log")
    axes.set_xlim(low / margin, high * margin)
    room = 0.07 * math.log(high * margin**2 / low)
    chosen: list[float] = []
    for value in sorted(set(ticks or every)):
        if not chosen or math.log(value / chosen[-1]) >= room:
            chosen.append(value)
    axes.xaxis.set_major_locator(FixedLocator(chosen))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: fraction_text(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(visible=True, axis="x", which="major")


def curves_figure(groups: Sequence[Group], curves: Mapping[str, Curves]) -> Figure | None:
    """Draw losses and validation mIoU over the epochs; None where no cell has a history.

    A handful of groups share three panels; more of them, or several variants, get a panel each kind of labels.

    Parameters
    ----------
    groups : sequence of Group
        What is compared.
    curves : mapping
        By the cells' names; cells without are left out.
    """
    shown = [g for g in groups if any(c.name in curves for c in g.cells)]
    if not shown:
        return None
    labels = list(dict.fromkeys((g.labels, g.amount) for g in shown))
    if len(shown) <= _FEW and len(labels) <= len(_LABEL_LINES) and len({g.variant for g in shown}) == 1:
        return _together(shown, curves)
    return _multiples(shown, curves)


def _together(groups: Sequence[Group], curves: Mapping[str, Curves]) -> Figure:
    figure = new_figure(FULL_WIDTH, 3.2)
    panels = figure.subplots(1, 3)
    colours = model_colours([g.model for g in groups])
    labels = list(dict.fromkeys((g.labels, g.amount) for g in groups))
    # Legends are filled column by column: a column for each kind of labels, a row for each network.
    for group in sorted(groups, key=lambda g: labels.index((g.labels, g.amount))):
        style = {"color": colours[group.model], "ls": _LABEL_LINES[labels.index((group.labels, group.amount))]}
        name = f"{model_title(group.model)}, {label_text(group)}"
        for axes, value in zip(panels, ("loss", "val_loss", "miou"), strict=True):
            _line(axes, group, curves, value, label=name, **style)
    for axes, title in zip(panels, ("Training loss", "Validation loss", "Validation mIoU"), strict=True):
        axes.set_title(title, loc="left")
        axes.set_xlabel("Epoch")
        _whole_epochs(axes)
    panels[1].set_ylim(top=min(panels[1].get_ylim()[1], loss_top(curves.values())))
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(labels), handlelength=3.2)
    return figure


def _multiples(groups: Sequence[Group], curves: Mapping[str, Curves]) -> Figure:
    from matplotlib.lines import Line2D

    rows = panel_rows(groups)
    colours = model_colours([g.model for g in groups])
    across = max(max(len(panels) for _, panels in rows), 3)
    figure = new_figure(FULL_WIDTH, 3.3 * len(rows) + 0.4)
    blocks = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
    lines: tuple[list[Axes], list[Axes]] = [], []
    for block, (title, panels) in zip(blocks, rows, strict=True):
        grid = block.subplots(2, across, sharex=True, sharey="row")
        block.suptitle(title, x=0.01, ha="left", fontsize=9, color=GREY)
        for axes in grid[:, len(panels) :].flat:
            axes.set_visible(False)
        for column, panel in enumerate(panels):
            above, below = grid[:, column]
            for group in panel.groups:
                colour = colours[group.model]
                _line(above, group, curves, "loss", color=colour)
                _line(above, group, curves, "val_loss", color=colour, ls=(0, (1, 1)))
                _line(below, group, curves, "miou", color=colour)
            above.set_title(panel.title)
            below.set_xlabel("Epoch")
            _whole_epochs(below)
        grid[0, 0].set_ylabel("Loss")
        grid[1, 0].set_ylabel("Validation mIoU")
        block.align_ylabels(grid[:, 0])
        for line, axes in zip(lines, grid[:, 0], strict=True):
            line.append(axes)
    for line in lines:  # the same scale in every block
        low, high = min(axes.get_ylim()[0] for axes in line), max(axes.get_ylim()[1] for axes in line)
        for axes in line:
            axes.set_ylim(min(low, 0), min(high, loss_top(curves.values())))
    handles = [
        *(Line2D([], [], color=colours[m], label=model_title(m)) for m in dict.fromkeys(g.model for g in groups)),
        Line2D([], [], color=GREY, label="training loss"),
        Line2D([], [], color=GREY, ls=(0, (1, 1)), label="validation loss"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), handlelength=2.6)
    return figure


def loss_top(curves: Iterable[Curves]) -> float:
    """Return where an axis of losses may end: a network's first wild epochs on new patches would flatten the rest."""
    tops = [1.0]
    for curve in curves:
        for values in (curve.loss, curve.val_loss[len(curve.val_loss) // 2 :]):
            finite = values[np.isfinite(values)]
            tops += [float(finite.max())] if len(finite) else []
    return 1.15 * max(tops)


def _line(axes: Axes, group: Group, curves: Mapping[str, Curves], value: str, **style: Any) -> None:
    """Draw the mean over seeds, and the range between the lowest and the highest."""
    known = [curves[c.name] for c in group.cells if c.name in curves]
    longest = max(known, key=lambda c: len(c.epoch))
    stack: NDArray[np.float64] = np.full((len(known), len(longest.epoch)), np.nan)
    for row, one in zip(stack, known, strict=True):
        row[: len(one.epoch)] = getattr(one, value)
    there = np.isfinite(stack).any(axis=0)  # the mean of nothing would be a warning
    if not there.any():
        return
    epoch, stack = longest.epoch[there], stack[:, there]
    marker = "o" if len(epoch) == 1 else None
    axes.plot(epoch, np.nanmean(stack, axis=0), lw=1.5, marker=marker, **style)
    if len(known) > 1:
        low, high = np.nanmin(stack, axis=0), np.nanmax(stack, axis=0)
        axes.fill_between(epoch, low, high, color=style["color"], alpha=0.15, lw=0)


def _whole_epochs(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
