"""Keeps a Labels layer with int8 labels and -1 for "unlabelled" safe from habits of the viewer.

"Shuffle colours", colour mode "auto" and a plain dict as colormap set the background to 0: the eraser would then
write class 0, and class 0 would be invisible. Keys and the spin box reach labels that no class has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap

from annotations.classes import NOT_PREDICTED, UNLABELLED, check_labels
from annotations.errors import LabelError
from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels
    from numpy.typing import NDArray

    from annotations.classes import ClassScheme

__all__ = ["ColormapGuard", "LabelsGuard", "label_colormap", "prediction_colormap", "take_over"]


def _rgba(colour: str) -> np.ndarray:
    return np.array([*(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)), 1.0], np.float32)


_NOTHING = np.zeros(4, np.float32)
_STRANGE = np.array([1, 0, 1, 1], np.float32)  # a label that no class has stands out


def label_colormap(scheme: ClassScheme) -> DirectLabelColormap:
    """Return the colours of painted labels: -1 transparent, every other int8 value spelt out.

    Without all keys spelt out napari draws values above the largest key in the last class's colour.
    """
    colours: dict[int | None, np.ndarray] = dict.fromkeys([None, *range(-128, 128)], _STRANGE)
    colours[UNLABELLED] = _NOTHING
    colours.update({i: _rgba(c.colour) for i, c in enumerate(scheme.classes)})
    return DirectLabelColormap(color_dict=colours, background_value=UNLABELLED)


def prediction_colormap(scheme: ClassScheme) -> DirectLabelColormap:
    """Return the colours of a uint8 prediction: 255, not predicted, is transparent."""
    colours: dict[int | None, np.ndarray] = dict.fromkeys([None, *range(256)], _NOTHING)
    colours.update({i: _rgba(c.colour) for i, c in enumerate(scheme.classes)})
    return DirectLabelColormap(color_dict=colours, background_value=NOT_PREDICTED)


def take_over(labels: NDArray[np.int8], other: Any, n_classes: int, name: str) -> tuple[Region, int]:
    """Write another array's labels into ours, where they differ.

    Parameters
    ----------
    labels : ndarray of int8, shape (H, W)
        Our labels, written to; untouched when the other array is refused.
    other : array of integers, shape (H, W)
        Labels with -1 for unlabelled; in unsigned types 255 and what -1 has become there by conversion stand for it.
    n_classes : int
        Number of classes of the scheme.
    name : str
        What the array was given to, for the message.

    Returns
    -------
    tuple of Region and int
        Where they differed, and in how many pixels.

    Raises
    ------
    LabelError
        Another shape or type, or a value that no class has.
    """
    if not hasattr(other, "shape"):
        raise LabelError(f"{name!r} was given a {type(other).__name__}; labels are one array of shape {labels.shape}.")
    shape, kind = tuple(other.shape), np.dtype(other.dtype)
    if shape != labels.shape or kind.kind not in "biu":
        raise LabelError(
            f"{name!r} was given data of shape {shape} and type {kind}; labels of this orthophoto are integers of "
            f"shape {labels.shape}."
        )
    cells = [cell.clipped(labels.shape) for cell in Region.whole(labels.shape).tiles(2048)]
    for cell in cells:  # all of it before any of it
        _own_values(other, cell, n_classes, name)
    changed, count = Region(0, 0, 0, 0), 0
    for cell in cells:
        part = labels[cell.slices]
        new = _own_values(other, cell, n_classes, name)
        different = new != part
        if different.any():
            count += int(different.sum())
            changed = changed.union(cell)
            part[:] = new
    return changed, count


def _own_values(other: Any, cell: Region, n_classes: int, name: str) -> NDArray[np.int8]:
    part = np.asarray(other[cell.slices])
    if part.dtype.kind == "u":
        part = part.astype(np.int64)
        part[(part == np.iinfo(other.dtype).max) | (part == NOT_PREDICTED)] = UNLABELLED
    return check_labels(part, n_classes, f"the data given to {name!r}")


class ColormapGuard:
    """Puts the class colours of a prediction back when they are replaced ("Shuffle colours").

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer with the prediction.
    scheme : ClassScheme
        Its classes.
    """

    def __init__(self, layer: Labels, scheme: ClassScheme) -> None:
        self._layer = layer
        self._restoring = False
        self.set_scheme(scheme)
        layer.events.colormap.connect(self._restore)

    def set_scheme(self, scheme: ClassScheme) -> None:
        """Take another class scheme."""
        self._colormap = self._colours(scheme)
        self._restore()

    def stop(self) -> None:
        """Guard no more."""
        self._layer.events.colormap.disconnect(self._restore)

    def _colours(self, scheme: ClassScheme) -> DirectLabelColormap:
        return prediction_colormap(scheme)

    def _restore(self, event: object = None) -> None:
        if self._restoring or self._layer.colormap is self._colormap:
            return
        self._restoring = True
        try:
            self._layer.colormap = self._colormap
        finally:
            self._restoring = False


class LabelsGuard(ColormapGuard):
    """Puts our colormap back when it is replaced, and keeps the selected label among the classes.

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer with the labels.
    scheme : ClassScheme
        Its classes.
    say : callable, optional
        Told when a label was asked for that no class has.
    """

    def __init__(self, layer: Labels, scheme: ClassScheme, say: Callable[[str], None] | None = None) -> None:
        self._say = say
        super().__init__(layer, scheme)
        layer.events.selected_label.connect(self._clamp)

    def set_scheme(self, scheme: ClassScheme) -> None:
        """Take another class scheme."""
        self._classes = len(scheme)
        self._layer.features = {
            "index": [UNLABELLED, *range(len(scheme))],
            "class": ["unlabelled", *scheme.names],
        }
        self._clamp()  # before the colours, with which napari tells of the selected label as if it had been chosen
        super().set_scheme(scheme)

    def stop(self) -> None:
        """Guard no more."""
        super().stop()
        self._layer.events.selected_label.disconnect(self._clamp)

    def _colours(self, scheme: ClassScheme) -> DirectLabelColormap:
        return label_colormap(scheme)

    def _clamp(self, event: object = None) -> None:
        label = int(self._layer.selected_label)
        allowed = min(max(label, UNLABELLED), self._classes - 1)
        if label != allowed:
            self._layer.selected_label = allowed
            if event is not None and self._say is not None:
                self._say(
                    f"There is no class for label {label}: there are {self._classes}, 0 to {self._classes - 1}. "
                    f"Add class in the panel makes another."
                )
