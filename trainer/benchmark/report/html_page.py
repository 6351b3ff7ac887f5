"""The report as one HTML file that needs nothing else: figures as SVG, pictures within, no script."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from trainer.benchmark.report.cell_files import read_curves, read_environment
from trainer.benchmark.report.class_plots import confusion_figure, iou_figure
from trainer.benchmark.report.gallery_html import gallery_html
from trainer.benchmark.report.groups import evenly, ranked
from trainer.benchmark.report.html_elements import Page, details_html
from trainer.benchmark.report.markdown import TITLE
from trainer.benchmark.report.plots import curves_figure, labels_figure
from trainer.benchmark.report.summary import AVERAGES, notes, summary
from trainer.benchmark.report.svg import drawing
from trainer.benchmark.report.tables import cells_table, groups_table, iou_table, published_table
from trainer.benchmark.report.wording import listed, plural

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trainer.benchmark.report.groups import Group
    from trainer.benchmark.results import CellResult

__all__ = ["page"]

_MATRICES: Final = 8


def page(folder: Path, cells: Sequence[CellResult], groups: Sequence[Group], setting: dict[str, Any]) -> str:
    """Return the whole page.

    Parameters
    ----------
    folder : Path
        Holds the cells' folders, in which histories, galleries and environments are looked for.
    cells : sequence of CellResult
        At least one.
    groups : sequence of Group
        Of these cells.
    setting : dict
        Plain values.
    """
    made = Page(TITLE)
    counts = (
        plural(len(cells), "trained cell"),
        plural(len({g.model for g in groups}), "architecture"),
        plural(len({c.data for c in cells}), "data set"),
    )
    made.text("p", " · ".join([*counts, *([str(setting["data"])] if "data" in setting else [])]), "byline")
    made.text("p", " ".join(summary(groups)), "lead")
    for note in notes(cells, groups):
        made.text("p", note, "note")
    with drawing():
        _comparison(made, groups)
        _training(made, folder, cells, groups)
        _classes(made, groups)
    _examples(made, folder, groups)
    _everything(made, folder, cells, setting)
    return made.document()


def _several(groups: Sequence[Group]) -> bool:
    return any(len(g.cells) > 1 for g in groups)


def _seeds(groups: Sequence[Group]) -> str:
    """Say over how many cells means are taken."""
    counts = sorted({len(g.cells) for g in groups})
    if counts == [1]:
        return "n = 1 cell each."
    return f"n = {counts[0]} cells each." if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]} cells each."


def _comparison(made: Page, groups: Sequence[Group]) -> None:
    several = _several(groups)
    deviation = "±: sample standard deviation over cells that differ in their seed alone." if several else ""
    dagger = " († preset “paper”)" if any(g.variant.preset == "paper" for g in groups) else ""
    caption = [
        "The published figures are for LandCover.ai at 384 px and width 64. They stand beside for orientation: only",
        f"the means over batches of cells with the published settings{dagger} on that data are like them.",
        f"Best: the kept epoch; final: the last. {AVERAGES}",
        deviation,
    ]
    made.text("h2", "Beside the published report")
    made.table(published_table(groups), "Published scores and ours, on the validation split", _joined(caption))
    caption = [
        "Best mIoU on the validation split, from one confusion matrix.",
        "Lines join shares of random pixels." if sum(g.labels == "random" for g in groups) > 1 else "",
        "Dashed: full supervision" + (", its deviation as a band." if several else ".")
        if any(g.full for g in groups)
        else "",
        "Clicks and scribbles stand at the share that they labelled."
        if any(g.labels != "random" for g in groups)
        else "",
        "Error bars: sample standard deviation over seeds; faint dots: single seeds." if several else "",
        _seeds(groups),
        "Networks are set a little aside from each other." if len({g.model for g in groups}) > 1 else "",
    ]
    made.text("h2", "How far do sparse labels reach?")
    made.figure(labels_figure(groups), "mIoU against the labelled share of the pixels", _joined(caption))
    caption = [
        "% of full: the best mIoU relative to that of the same network, setting and seed with every pixel labelled",
        "(grey rows); a dash where there is none. Test: the kept weights.",
        deviation,
    ]
    made.table(groups_table(groups), "Scores by labels", _joined(caption))


def _joined(parts: Sequence[str]) -> str:
    return " ".join(part for part in parts if part)


def _training(made: Page, folder: Path, cells: Sequence[CellResult], groups: Sequence[Group]) -> None:
    curves = {c.name: found for c in cells if (found := read_curves(folder / c.name)) is not None}
    if not curves:
        return
    missing = len(cells) - len(curves)
    caption = [
        "By epoch. The training loss is over the labelled pixels, the validation loss over all with a ground truth.",
        "Lines: means over seeds; bands: from the lowest to the highest seed." if _several(groups) else "",
        f"Left out: {plural(missing, 'cell')} without a history." if missing else "",
    ]
    made.text("h2", "Training")
    made.figure(curves_figure(groups, curves), "Training curves", _joined(caption))


def _classes(made: Page, groups: Sequence[Group]) -> None:
    if not any(c.val or c.test for g in groups for c in g.cells):
        return
    made.text("h2", "Classes")
    for scheme in dict.fromkeys(g.cells[0].scheme for g in groups):
        own = [g for g in groups if g.cells[0].scheme == scheme]
        test = any(c.test for g in own for c in g.cells)
        splits = "the validation (filled) and the test split (hollow)" if test else "the validation split"
        caption = [
            f"Kept weights on {splits}, a panel for each kind of labels.",
            "Bars: sample standard deviation over seeds." if _several(own) else "",
            _seeds(own),
        ]
        made.figure(iou_figure(own), "IoU of each class", _joined(caption))
    best = [g.best for g in groups if g.best.val]
    shown = evenly(ranked(best), _MATRICES)
    fewer = len(shown) < len(best)
    caption = [
        "Validation split, kept weights, in percent of the pixels of each true class; a dash where there are none.",
        "Of each network and kind of labels the best seed." if _several(groups) else "",
        f"Shown are {len(shown)} of {len(best)}, evenly through the ranking from best to worst." if fewer else "",
    ]
    made.figure(confusion_figure(shown, groups), "Confusion matrices", _joined(caption))


def _examples(made: Page, folder: Path, groups: Sequence[Group]) -> None:
    html, count, patches, enlarged = gallery_html(folder, groups)
    if not html:
        return
    each = "1 patch" if patches == 1 else f"{patches} patches"
    caption = [
        f"{plural(count, 'cell')}, from few labels to many, {each} each.",
        "The labels show kind and density of the training labels; those on these patches were not learnt from.",
        "Where they are few, they are drawn larger than they are." if enlarged else "",
        "Errors: wrong pixels red, unknown ground truth grey.",
        "Confidence: the network's probability of the class that it predicts.",
    ]
    made.text("h2", "Examples")
    made.content(html, "Validation patches", _joined(caption))


def _everything(made: Page, folder: Path, cells: Sequence[CellResult], setting: dict[str, Any]) -> None:
    made.text("h2", "All cells")
    caption = "Epoch: the kept one of all. Waiting: share of the training time in which the network waited for data."
    made.table(cells_table(cells), "Every cell", caption, "small")
    for scheme in dict.fromkeys(c.scheme for c in cells):
        own = [c for c in cells if c.scheme == scheme]
        made.table(iou_table(own), "IoU of each class in numbers", "Kept weights.", "small")
    made.text("h2", "Setting")
    made.html(details_html("Setting of this report", setting))
    precisions = _by_value({c.name: c.precision for c in cells})
    made.html(details_html("Precision", {k: _names(v, cells) for k, v in precisions.items()}))
    found = {c.name: e for c in cells if (e := read_environment(folder / c.name)) is not None}
    # Cells that ran on the same machine with the same versions are described once.
    for text, names in _by_value({k: json.dumps(v, sort_keys=True) for k, v in found.items()}).items():
        made.html(details_html(f"Environment of {_names(names, cells)}", json.loads(text)))


def _by_value(values: dict[str, str]) -> dict[str, list[str]]:
    same: dict[str, list[str]] = {}
    for name, value in values.items():
        same.setdefault(value, []).append(name)
    return same


def _names(names: Sequence[str], cells: Sequence[CellResult]) -> str:
    return "all cells" if len(names) == len(cells) else listed(names)
