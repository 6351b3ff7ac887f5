"""The report's gallery: for some cells, what they saw, learnt from, and made of it, side by side."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

import numpy as np

from trainer.benchmark.report.cell_files import read_gallery
from trainer.benchmark.report.groups import evenly, ranked
from trainer.benchmark.report.pictures import (
    NOTHING,
    WRONG,
    class_picture,
    colour_stops,
    confidence_picture,
    data_uri,
    error_picture,
    label_picture,
    shrunk,
)
from trainer.benchmark.report.wording import label_text, model_title, number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from annotations.classes import ClassScheme
    from trainer.benchmark.report.cell_files import Gallery
    from trainer.benchmark.report.groups import Group
    from trainer.benchmark.results import CellResult

__all__ = ["gallery_html"]

CELLS: Final = 4
PATCHES: Final = 2
_COLUMNS: Final = ("Image", "Ground truth", "Labels", "Prediction", "Errors", "Confidence")


def gallery_html(folder: Path, groups: Sequence[Group]) -> tuple[str, int, int, bool]:
    """Return the gallery as HTML.

    Parameters
    ----------
    folder : Path
        Holds the cells' folders.
    groups : sequence of Group
        Of each, the best cell that has a gallery may be shown; at most four, evenly from few to many labels.

    Returns
    -------
    html : str
        Empty where no cell has a gallery.
    cells, patches : int
        How many cells are shown, and patches of each at the most.
    enlarged : bool
        Whether some labels are drawn larger than they are.
    """
    found: list[tuple[CellResult, Gallery]] = []
    for group in sorted(groups, key=lambda g: (g.fraction, g.model)):
        for cell in ranked(group.cells):
            gallery = read_gallery(folder / cell.name)
            if gallery is not None:
                found.append((cell, gallery))
                break
    shown = evenly(found, CELLS)
    blocks = [_cell(cell, gallery) for cell, gallery in shown]
    if not blocks:
        return "", 0, 0, False
    legends = [_legend(scheme) for scheme in dict.fromkeys(cell.scheme for cell, _ in shown)]
    header = "".join(f"<span>{escape(name)}</span>" for name in _COLUMNS)
    html = "".join(legends) + f'<div class="scroll"><div class="gallery"><div class="heads">{header}</div>'
    html += "".join(block for block, _ in blocks) + "</div></div>"
    patches = max(min(PATCHES, len(gallery.names)) for _, gallery in shown)
    return html, len(shown), patches, any(enlarged for _, enlarged in blocks)


def _cell(cell: CellResult, gallery: Gallery) -> tuple[str, bool]:
    about = f"{model_title(cell.model)}, {label_text(cell)} · mIoU {number(cell.best_miou, 3)}"
    html = f"<h4>{escape(about)} <small>{escape(cell.name)}</small></h4>"
    any_enlarged = False
    for index, name in enumerate(gallery.names[:PATCHES]):
        image, truth, prediction = (a[index] for a in (gallery.image, gallery.truth, gallery.prediction))
        labels, enlarged = label_picture(image, gallery.labels[index], cell.scheme)
        any_enlarged |= enlarged
        known = truth >= 0
        wrong = number(100 * float((truth != prediction)[known].mean()), 1) if known.any() else "–"
        pictures = (
            np.asarray(shrunk(image, mean=True), np.uint8),
            class_picture(shrunk(truth), cell.scheme),
            labels,
            class_picture(shrunk(prediction), cell.scheme),
            error_picture(image, truth, prediction),
            confidence_picture(gallery.confidence[index]),
        )
        notes = (
            name,
            "",
            f"{number(100 * float((gallery.labels[index] >= 0).mean()), 2)} % of the pixels",
            "",
            f"{wrong} % wrong",
            f"{number(float(gallery.confidence[index].mean()) / 255, 2)} on average",
        )
        html += '<div class="strip">'
        for title, picture, note in zip(_COLUMNS, pictures, notes, strict=True):
            what = escape(f"{title}: {name}, {about}")
            uri = data_uri(picture, photo=title == "Image")
            html += f'<figure><img src="{uri}" alt="{what}"><span>{escape(note)}</span></figure>'
        html += "</div>"
    return html, any_enlarged


def _legend(scheme: ClassScheme) -> str:
    def swatch(colour: str, name: str) -> str:
        return f'<span><i style="background:{colour}"></i>{escape(name)}</span>'

    grey, red = ("#{:02x}{:02x}{:02x}".format(*colour) for colour in (NOTHING, WRONG))
    classes = "".join(swatch(c.colour, c.name) for c in scheme.classes)
    bar = f'<i class="bar" style="background:linear-gradient(to right,{",".join(colour_stops())})"></i>'
    rest = f"{swatch(grey, 'unknown')}{swatch(red, 'wrong')}<span>confidence 0 {bar} 1</span>"
    return f'<div class="legend">{classes}<b></b>{rest}</div>'
