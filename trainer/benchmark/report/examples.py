"""The examples of the report's page: for some cells, what they saw, learnt from, and made of it, side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
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
from trainer.benchmark.report.wording import MISSING, label_text, model_title, number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from annotations.classes import ClassScheme
    from trainer.benchmark.report.cell_files import Gallery
    from trainer.benchmark.report.groups import Group
    from trainer.benchmark.results import CellResult

__all__ = ["Example", "Examples", "Picture", "examples"]

CELLS: Final = 4
PATCHES: Final = 2


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a strip.

    Parameters
    ----------
    title : str
        Of its column.
    address : str
        Holds the picture itself ("data:image/png;base64,…").
    about : str
        For those who cannot see it.
    note : str
        What stands below it; may be empty.
    """

    title: str
    address: str
    about: str
    note: str


@dataclass(frozen=True, slots=True)
class Example:
    """A cell, and for each of its patches a strip of six pictures."""

    about: str
    name: str
    strips: tuple[tuple[Picture, ...], ...]
    enlarged: bool
    """Whether some labels are drawn larger than they are."""


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


@dataclass(frozen=True, slots=True)
class Examples:
    """All that are shown, at least one; `schemes` are the classes that they have, each once."""

    shown: tuple[Example, ...]
    schemes: tuple[ClassScheme, ...]
    unknown: str = _hex(NOTHING)
    wrong: str = _hex(WRONG)
    stops: tuple[str, ...] = field(default_factory=lambda: tuple(colour_stops()))
    """Colours of confidence 0 to 1."""

    @property
    def patches(self) -> int:
        """Of a cell, at the most."""
        return max(len(example.strips) for example in self.shown)

    @property
    def enlarged(self) -> bool:
        """Whether some labels are drawn larger than they are."""
        return any(example.enlarged for example in self.shown)


def examples(folder: Path, groups: Sequence[Group]) -> Examples | None:
    """Return the examples; None where no cell has a gallery.

    Parameters
    ----------
    folder : Path
        Holds the cells' folders.
    groups : sequence of Group
        Of each, the best cell that has a gallery may be shown; at most four, evenly from few to many labels.
    """
    found: list[tuple[CellResult, Gallery]] = []
    for group in sorted(groups, key=lambda g: (g.fraction, g.model)):
        for cell in ranked(group.cells):
            gallery = read_gallery(folder / cell.name)
            if gallery is not None:
                found.append((cell, gallery))
                break
    if not found:
        return None
    shown = evenly(found, CELLS)
    schemes = tuple(dict.fromkeys(cell.scheme for cell, _ in shown))
    return Examples(tuple(_example(cell, gallery) for cell, gallery in shown), schemes)


def _example(cell: CellResult, gallery: Gallery) -> Example:
    about = f"{model_title(cell.model)}, {label_text(cell)} · mIoU {number(cell.best_miou, 3)}"
    strips = [_strip(gallery, index, cell.scheme, about) for index in range(min(PATCHES, len(gallery.names)))]
    return Example(about, cell.name, tuple(strip for strip, _ in strips), any(enlarged for _, enlarged in strips))


def _strip(gallery: Gallery, index: int, scheme: ClassScheme, about: str) -> tuple[tuple[Picture, ...], bool]:
    """Return the pictures of a patch, and whether some of its labels are drawn larger than they are."""
    image, truth, prediction = (a[index] for a in (gallery.image, gallery.truth, gallery.prediction))
    labels, enlarged = label_picture(image, gallery.labels[index], scheme)
    known = truth >= 0
    wrong = number(100 * float((truth != prediction)[known].mean()), 1) if known.any() else MISSING
    labelled = number(100 * float((gallery.labels[index] >= 0).mean()), 2)
    confidence = number(float(gallery.confidence[index].mean()) / 255, 2)
    name = gallery.names[index]
    columns = (
        ("Image", np.asarray(shrunk(image, mean=True), np.uint8), name),
        ("Ground truth", class_picture(shrunk(truth), scheme), ""),
        ("Labels", labels, f"{labelled} % of the pixels"),
        ("Prediction", class_picture(shrunk(prediction), scheme), ""),
        ("Errors", error_picture(image, truth, prediction), f"{wrong} % wrong"),
        ("Confidence", confidence_picture(gallery.confidence[index]), f"{confidence} on average"),
    )
    pictures = (
        Picture(title, data_uri(drawn, photo=title == "Image"), f"{title}: {name}, {about}", note)
        for title, drawn, note in columns
    )
    return tuple(pictures), enlarged
