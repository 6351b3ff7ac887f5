"""The layers of a session. All lie on the pixels of the image, with no offset.

A large offset (UTM coordinates) in a layer's affine puts painted pixels off the cursor, since the graphics card
computes in float32: the georeference stays in the orthophoto.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Points

from napari_partialseg.session.guard import label_colormap, prediction_colormap
from napari_partialseg.session.where_layers import outline_layer, uncertainty_layer

if TYPE_CHECKING:
    from napari.layers import Shapes
    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from annotations.images.orthophoto import Orthophoto

__all__ = ["MARK", "SessionLayers", "image_options", "make_layers", "placement"]

MARK = "partialseg"
"""Key in a layer's metadata under which the session says what the layer is."""


@dataclass(frozen=True)
class SessionLayers:
    """The layers of a session, from the bottom up."""

    image: Image
    prediction: Labels
    confidence: Image
    uncertainty: Image
    labels: Labels
    points: Points
    place: Shapes

    def all(self) -> tuple[Any, ...]:
        """Return them from the bottom up."""
        return self.image, self.prediction, self.confidence, self.uncertainty, self.labels, self.points, self.place


def placement(ortho: Orthophoto) -> dict[str, Any]:
    """Return scale and units of every layer: metres where the orthophoto's grid is metric, else pixels."""
    reference = ortho.georeference
    if reference is None or reference.units not in ("metre", "meter", "m"):
        return {}
    height, width = reference.pixel_size
    return {"scale": (height, width), "units": ("m", "m")}


def image_options(ortho: Orthophoto) -> dict[str, Any]:
    """Return the options of the image layer of an orthophoto."""
    return {
        "name": ortho.name,
        "rgb": True,
        "metadata": {MARK: "image", "path": str(ortho.path)},
        **placement(ortho),
    }


def make_layers(
    ortho: Orthophoto,
    levels: list[NDArray[np.uint8]],
    scheme: ClassScheme,
    labels: NDArray[np.int8],
    prediction: NDArray[np.uint8],
    confidence: NDArray[np.uint8],
    margin: NDArray[np.uint8],
    image: Image | None = None,
) -> SessionLayers:
    """Make the layers; `image` is taken over when the orthophoto is already shown."""
    common = placement(ortho)
    reference = ortho.georeference
    # For the writers of layers: where their files lie, and what they must not be written over.
    place = {"georeference": None if reference is None else reference.to_json(), "image": str(ortho.path)}
    if image is not None and image.multiscale == (len(levels) > 1):
        image.data = levels if image.multiscale else levels[0]  # frees the copy that the reader made
    if image is None:
        data: Any = levels if len(levels) > 1 else levels[0]
        image = Image(data, multiscale=len(levels) > 1, **image_options(ortho))
    painted = Labels(
        labels,
        name="labels",
        opacity=0.9,
        colormap=label_colormap(scheme),
        metadata={MARK: "labels", **place},
        **common,
    )
    painted.brush_size = 8
    painted.selected_label = 0
    predicted = Labels(
        prediction,
        name="prediction",
        opacity=0.5,
        colormap=prediction_colormap(scheme),
        metadata={MARK: "prediction", **place},
        **common,
    )
    predicted.editable = False
    certain = Image(
        confidence,
        name="confidence",
        colormap="magma",
        contrast_limits=(0, 255),
        opacity=0.7,
        visible=False,
        metadata={MARK: "confidence", **place},
        **common,
    )
    uncertain = uncertainty_layer(margin, common, {MARK: "uncertainty", **place})
    points = Points(
        np.empty((0, 2)),
        ndim=2,
        name="points",
        size=7,
        border_color="white",
        border_width=0.15,
        features={"class": np.array([], object), "stroke": np.array([], np.int64)},
        metadata={MARK: "points"},
        **common,
    )
    outline = outline_layer(common, {MARK: "place"})
    return SessionLayers(image, predicted, certain, uncertain, painted, points, outline)
