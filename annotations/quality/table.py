"""A check of the map as a table for others (CSV): what was found of each class, and each point."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely  # type: ignore[import-untyped]

from annotations.export.ground import to_world

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotations.images.georeference import Georeference
    from annotations.quality.accuracy import Accuracy, Estimate
    from annotations.quality.check import Check

__all__ = ["check_table"]


def check_table(
    check: Check,
    accuracy: Accuracy,
    names: Sequence[str],
    prediction: NDArray[np.uint8],
    georeference: Georeference | None = None,
    pixel_area: float | None = None,
) -> bytes:
    """Return a check as CSV: figures with their intervals, a blank line, the matrix, a blank line, the points.

    Parameters
    ----------
    check : Check
        Points and answers.
    accuracy : Accuracy
        What they say.
    names : sequence of str
        The classes.
    prediction : ndarray of uint8, shape (H, W)
        The map as it is now.
    georeference : Georeference, optional
        Of the image; without one only rows and columns are known.
    pixel_area : float, optional
        Square metres of a pixel; with it areas are told in hectares too.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    safe = [_plain(name) for name in names]
    writer.writerow(["what", "class", "estimate", "standard error", "low 95 %", "high 95 %", "points"])
    _figure(writer, "overall accuracy", "", accuracy.overall)
    _figure(writer, "mean IoU", "", accuracy.mean_iou)
    for what, estimates in (
        ("user's accuracy", accuracy.users),
        ("producer's accuracy", accuracy.producers),
        ("IoU", accuracy.iou),
        ("share of the area", accuracy.area),
    ):
        for name, estimate in zip(safe, estimates, strict=True):
            _figure(writer, what, name, estimate)
    if pixel_area is not None:
        hectares = sum(check.pixels.values()) * pixel_area / 1e4
        for name, estimate in zip(safe, accuracy.area, strict=True):
            _figure(writer, "area in hectares", name, estimate, hectares)
    writer.writerow([])
    writer.writerow(["points: map (rows), seen (columns)", *safe])
    for name, row in zip(safe, accuracy.matrix.tolist(), strict=True):
        writer.writerow([name, *row])
    writer.writerow([])
    _points(writer, check, names, prediction, georeference)
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8", "replace")  # the mark by which Excel knows UTF-8


def _figure(writer: Any, what: str, name: str, estimate: Estimate, times: float = 1.0) -> None:
    values = [estimate.value, estimate.error, estimate.low, estimate.high]
    known = estimate.points > 0
    writer.writerow([what, name, *(f"{v * times:.6g}" if known else "" for v in values), estimate.points])


def _points(
    writer: Any,
    check: Check,
    names: Sequence[str],
    prediction: NDArray[np.uint8],
    georeference: Georeference | None,
) -> None:
    writer.writerow(["number", "row", "column", "x", "y", "drawn from", "map now", "seen", "cannot tell"])
    world = np.full((len(check.points), 2), np.nan)
    if georeference is not None and check.points:
        centres = np.array([[p.column + 0.5, p.row + 0.5] for p in check.points], np.float64)
        world = np.asarray(shapely.get_coordinates(to_world(shapely.points(centres), georeference)), np.float64)
    for number, (point, xy) in enumerate(zip(check.points, world.tolist(), strict=True), 1):
        value = int(prediction[point.row, point.column])
        now = names[value] if value < len(names) else ""
        place = ["" if np.isnan(v) else repr(v) for v in xy]
        told = [_plain(text) for text in (point.stratum, now, point.seen)]
        writer.writerow([number, point.row, point.column, *place, *told, "yes" if point.unclear else ""])


def _plain(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text  # no formula for a spreadsheet
