"""Keeps a Labels layer with int8 labels and -1 for "unlabelled" safe from habits of the viewer.

"Shuffle colours", colour mode "auto" and a plain dict as colormap set the background to 0: the eraser would then
write class 0, and class 0 would be invisible. Keys and the spin box reach labels that no class has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.utils.colormaps import DirectLabelColormap

from annotations.classes import NOT_PREDICTED, UNLABELLED

if TYPE_CHECKING:
    from napari.layers import Labels

    from annotations.classes import ClassScheme

__all__ = ["LabelsGuard", "label_colormap", "prediction_colormap"]


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


class LabelsGuard:
    """Puts our colormap back when it is replaced, and keeps the selected label among the classes.

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer with the labels.
    scheme : ClassScheme
        Its classes.
    """

    def __init__(self, layer: Labels, scheme: ClassScheme) -> None:
        self._layer = layer
        self._restoring = False
        self.set_scheme(scheme)
        layer.events.colormap.connect(self._restore)
        layer.events.selected_label.connect(self._clamp)

    def set_scheme(self, scheme: ClassScheme) -> None:
        """Take another class scheme."""
        self._colormap = label_colormap(scheme)
        self._classes = len(scheme)
        self._layer.features = {
            "index": [UNLABELLED, *range(len(scheme))],
            "class": ["unlabelled", *scheme.names],
        }
        self._restore()
        self._clamp()

    def _restore(self, event: object = None) -> None:
        if self._restoring or self._layer.colormap is self._colormap:
            return
        self._restoring = True
        try:
            self._layer.colormap = self._colormap
        finally:
            self._restoring = False

    def _clamp(self, event: object = None) -> None:
        label = int(self._layer.selected_label)
        allowed = min(max(label, UNLABELLED), self._classes - 1)
        if label != allowed:
            self._layer.selected_label = allowed
