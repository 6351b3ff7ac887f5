"""What lies under the pointer, in napari's status bar: where on the ground, which class of the map, which label.

Napari asks the active layer for its status in a thread of its own, as often as it gets round to, and not the thread of
the viewer; only arrays that are in memory are looked at.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from annotations.classes import NOT_PREDICTED, UNLABELLED
from annotations.export.ground_point import PointFinder

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from annotations.images.georeference import Georeference
    from napari_partialseg.session.layers import SessionLayers

__all__ = ["PointerStatus", "under_pointer", "where_on_ground"]

_BETWEEN = "  ·  "


def where_on_ground(finder: PointFinder | None, pixel: float, row: float, column: float) -> str:
    """Return where a point of an image lies, in words.

    Parameters
    ----------
    finder : PointFinder, optional
        Of the image; None where it has no georeference.
    pixel : float
        Side of a pixel in units of the CRS: coordinates get as many digits as tell pixels apart.
    row, column : float
        The point in the image, in pixels; whole numbers are corners.
    """
    if finder is None:
        return f"row {math.floor(row)}  column {math.floor(column)}"
    point = finder.at(row, column)
    parts = []
    if not finder.geographic or point.longitude is None:
        digits = min(max(math.ceil(-math.log10(pixel) - 1e-9), 0), 9) if pixel > 0 else 3
        x, y = ("E", "N") if finder.projected else ("x", "y")
        parts.append(f"{x} {point.x:.{digits}f}  {y} {point.y:.{digits}f}")
    if point.longitude is not None:
        parts.append(f"lon {point.longitude:.6f}  lat {point.latitude:.6f}")
    return _BETWEEN.join(parts)


def under_pointer(
    row: int, column: int, scheme: ClassScheme, value: int, confidence: NDArray[Any], labels: NDArray[Any]
) -> str:
    """Return the map's class with its confidence, and the label, of a pixel in words; "" outside the image.

    Parameters
    ----------
    row, column : int
        The pixel.
    scheme : ClassScheme
        The classes.
    value : int
        The class that the map shows there; 255 for none.
    confidence, labels : ndarray, shape (H, W)
        uint8, 255 is certain; int8, -1 is unlabelled.
    """
    if not (0 <= row < labels.shape[0] and 0 <= column < labels.shape[1]):
        return ""
    parts = ["map: none yet"]
    if value != NOT_PREDICTED and value < len(scheme):
        parts = [f"map: {scheme.names[value]}"]
        if sure := int(confidence[row, column]):
            parts[0] += f" {100 * sure / 255:.0f} %"
    label = int(labels[row, column])
    if label != UNLABELLED and label < len(scheme):
        parts.append(f"label: {scheme.names[label]}")
    return _BETWEEN.join(parts)


class PointerStatus:
    """Has our layers say in the status bar what lies under the pointer.

    Parameters
    ----------
    layers : SessionLayers
        The layers of the session.
    georeference : Georeference, optional
        Of the orthophoto.
    scheme : callable
        Returns the classes of now.
    map_value : callable
        Given row and column within the image, returns the class that the map shows there.
    """

    def __init__(
        self,
        layers: SessionLayers,
        georeference: Georeference | None,
        scheme: Callable[[], ClassScheme],
        map_value: Callable[[int, int], int],
    ) -> None:
        self._layers = layers
        self._finder = None if georeference is None else PointFinder(georeference)
        self._pixel = 0.0 if georeference is None else min(georeference.pixel_size)
        self._scheme = scheme
        self._map_value = map_value
        self._arrays = layers.confidence.data, layers.labels.data
        self._scale = [float(value) for value in layers.labels.scale[-2:]]
        for layer in layers.all():
            layer.get_status = self._status_of()

    def stop(self) -> None:
        """Leave the status to napari."""
        for layer in self._layers.all():
            vars(layer).pop("get_status", None)

    def text(self, row: float, column: float) -> tuple[str, str]:
        """Return what is said of a point of the image, in pixels whose centres are whole numbers: where, and what."""
        # Napari's pixels lie around whole numbers, a raster's between them.
        where = where_on_ground(self._finder, self._pixel, row + 0.5, column + 0.5)
        pixel = math.floor(row + 0.5), math.floor(column + 0.5)
        confidence, labels = self._arrays
        inside = 0 <= pixel[0] < labels.shape[0] and 0 <= pixel[1] < labels.shape[1]
        value = self._map_value(*pixel) if inside else NOT_PREDICTED
        return where, under_pointer(*pixel, self._scheme(), value, confidence, labels)

    def _status_of(self) -> Callable[..., dict[str, str]]:
        def status(position: Any = None, *, world: bool = False, **others: Any) -> dict[str, str]:
            where, what = "", ""
            if position is not None:
                scale = self._scale if world else (1.0, 1.0)
                where, what = self.text(*(float(v) / s for v, s in zip(position[-2:], scale, strict=True)))
            both = _BETWEEN.join(part for part in (where, what) if part)
            # No name of a layer: all of them say the same, and the line is long enough.
            nameless = dict.fromkeys(("layer_name", "layer_base", "source_type", "plugin"), "")
            return {**nameless, "coordinates": both, "coords": where, "value": what}

        return status
