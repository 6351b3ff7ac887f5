"""What a snapshot would change, shown on the image: a layer of its own that can only be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from annotations.history.comparing import BARE
from napari_partialseg.session.layers import MARK

if TYPE_CHECKING:
    from annotations.history.comparing import Comparison
    from napari_partialseg.session.session import Session

__all__ = ["SnapshotLayer"]

_BARE_RGB = (1.0, 0.16, 0.84, 1.0)


class SnapshotLayer:
    """Puts the layer into the viewer and takes it out; the active layer stays what it was.

    Parameters
    ----------
    session : Session
        Whose image it lies on.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._layer: Labels | None = None

    def show(self, found: Comparison, name: str) -> None:
        """Show where labels would change, in the colours of the classes that they would have."""
        self.remove()
        ours, viewer = self._session.layers.labels, self._session.viewer
        colours: dict[int | None, np.ndarray] = dict.fromkeys([None, *range(256)], np.zeros(4, np.float32))
        for index, item in enumerate(found.matched.scheme.classes):
            colours[index + 1] = np.array([*(v / 255 for v in item.rgb), 1.0], np.float32)
        colours[BARE] = np.array(_BARE_RGB, np.float32)
        layer = Labels(
            found.shown,
            name=f"labels of {name}",
            colormap=DirectLabelColormap(color_dict=colours, background_value=0),
            scale=ours.scale,
            units=ours.units,
            opacity=1.0,  # or it mixes with the labels below
            metadata={MARK: "snapshot"},
        )
        layer.editable = False
        active = viewer.layers.selection.active
        viewer.add_layer(layer)
        viewer.layers.selection.active = active if active in viewer.layers else ours
        self._layer = layer

    @property
    def there(self) -> bool:
        """Whether it is shown; a person may have deleted it."""
        return self._layer is not None and self._layer in self._session.viewer.layers

    def remove(self) -> None:
        """Take it out of the viewer."""
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._session.viewer.layers:
            self._session.viewer.layers.remove(layer)
