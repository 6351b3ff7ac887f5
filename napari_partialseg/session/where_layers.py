"""The layers that lead to where the map is unsure: how unsure it is, and the outline of the place to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Shapes
from napari.utils import Colormap

from annotations.prediction.cells import CELL

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from annotations.region import Region

__all__ = ["DOUBT_COLOURS", "Outline", "look_at", "outline_layer", "uncertainty_layer"]

DOUBT_COLOURS = ((0.0, "#ff9f1c00"), (0.3, "#ff9f1c00"), (0.65, "#ff7a1c80"), (1.0, "#ff00a8d0"))
"""Parts of the doubt and their colours, #rrggbbaa: nothing where the map is sure, then orange, then magenta, which no
ground has."""
_MARGIN = 6  # px between a place and its outline
_ANEW = 1.25  # lines that are wider or thinner than meant by this much are drawn anew
_LEAST_DOTS = 18.0  # across the outline: a place is found from afar, too
_DARK, _LIGHT = 6.0, 2.5  # dots on the screen: a light line on a dark one is seen on any ground
_SMALLEST, _WANTED, _LARGEST = 0.08, 0.5, 0.8  # of the view, along the longer side of a place
_MOST_DOTS = 8.0  # on the screen, across a pixel of the image


def uncertainty_layer(margin: NDArray[np.uint8], placement: dict[str, Any], metadata: dict[str, Any]) -> Image:
    """Return the layer that shows how unsure the map is, hidden at first.

    Parameters
    ----------
    margin : ndarray of uint8, (h, w)
        Of `annotations.prediction.doubt.Doubt`: a cell of it covers `CELL` x `CELL` pixels.
    placement : dict
        Scale and units of the layers of pixels.
    metadata : dict
        What it is.
    """
    scale = np.asarray(placement.get("scale", (1.0, 1.0)), float)
    stops, colours = zip(*DOUBT_COLOURS, strict=True)
    return Image(
        margin,
        name="uncertainty",
        colormap=Colormap(list(colours), controls=list(stops), name="uncertainty"),
        contrast_limits=(0, 255),
        interpolation2d="linear",  # cells are not what one looks for
        blending="translucent",
        visible=False,
        metadata=metadata,
        **{**placement, "scale": tuple(CELL * scale), "translate": tuple((CELL - 1) / 2 * scale)},
    )


def outline_layer(placement: dict[str, Any], metadata: dict[str, Any]) -> Shapes:
    """Return the layer that holds the outline of a place; there is none at first."""
    return Shapes(None, ndim=2, name="place", visible=False, metadata=metadata, **placement)


class Outline:
    """Outlines a place, in lines as wide on the screen at any zoom.

    Parameters
    ----------
    viewer : Viewer
        Whose zoom counts.
    layer : Shapes
        Of `outline_layer`.
    margin : float
        Pixels of the image between what is outlined and the line, at the least.
    """

    def __init__(self, viewer: Viewer, layer: Shapes, margin: float = _MARGIN) -> None:
        self._viewer = viewer
        self._layer = layer
        self._margin = margin
        self._region: Region | None = None
        self._zoom = 1.0  # when it was drawn
        viewer.scene.camera.events.zoom.connect(self._zoomed)

    def show(self, region: Region | None) -> None:
        """Outline this region of the image, in pixels; None takes the outline away."""
        self._region = region
        self._layer.visible = region is not None
        if region is None:
            self._layer.data = []
        else:
            self._draw(region)

    def stop(self) -> None:
        """Follow the zoom no more."""
        self._viewer.scene.camera.events.zoom.disconnect(self._zoomed)

    def _zoomed(self, event: object = None) -> None:
        ratio = float(self._viewer.scene.camera.zoom) / self._zoom
        if self._region is not None and not 1 / _ANEW < ratio < _ANEW:
            self._draw(self._region)

    def _draw(self, region: Region) -> None:
        # napari's widths are in pixels of the image, and can be changed only of shapes that are selected.
        self._zoom = float(self._viewer.scene.camera.zoom)
        dot = 1 / (self._zoom * float(self._layer.scale[-1]))
        beside = max(self._margin, (_LEAST_DOTS * dot - min(region.shape)) / 2)
        # napari's pixel centres lie at whole numbers
        corners = np.array(
            [
                [region.top - beside, region.left - beside],
                [region.bottom + beside, region.right + beside],
            ]
        )
        self._layer.data = []
        self._layer.add_rectangles(
            [corners - 0.5, corners - 0.5],
            edge_width=[_DARK * dot, _LIGHT * dot],
            edge_color=["#101010", "#ffffff"],
            face_color="transparent",
        )


def look_at(viewer: Viewer, layer: Layer, region: Region) -> None:
    """Bring a region of the image into the middle of the view.

    The zoom stays where the region is neither lost in the view nor larger than it; else the region takes half of the
    view along its longer side, about a quarter of it in all.
    """
    camera, canvas = viewer.scene.camera, viewer.canvas.size
    scale = [float(s) for s in layer.scale[-2:]]
    middle = region.top + (region.height - 1) / 2, region.left + (region.width - 1) / 2
    sides = region.height * scale[0] / float(canvas[0]), region.width * scale[1] / float(canvas[1])
    share = max(sides) * float(camera.zoom)
    if not _SMALLEST <= share <= _LARGEST:
        camera.zoom = min(_WANTED / max(sides), _MOST_DOTS / min(scale))
    camera.center = (*camera.center[:-2], middle[0] * scale[0], middle[1] * scale[1])
