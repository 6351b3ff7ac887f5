"""Notes for others: as CSV with every coordinate that is known, or as GeoJSON in longitude and latitude."""

from __future__ import annotations

import csv
import io
import json
import time as clock
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely  # type: ignore[import-untyped]

from annotations.errors import PartialSegError
from annotations.export.ground import lon_lat, to_world

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotations.images.georeference import Georeference
    from annotations.notes.notes import Note

__all__ = ["ENDINGS", "notes_file"]

ENDINGS: Final = (".csv", ".geojson")
"""Endings of files of notes."""


def notes_file(notes: Sequence[Note], georeference: Georeference | None, ending: str, name: str) -> bytes:
    """Return what a file of notes holds.

    Parameters
    ----------
    notes : sequence of Note
        In their order.
    georeference : Georeference, optional
        Of the image; without one only rows and columns are known.
    ending : str
        Of `ENDINGS`.
    name : str
        Of the file, for messages.

    Raises
    ------
    PartialSegError
        GeoJSON was asked for, and the image does not say where on the Earth it lies.
    """
    if ending == ".geojson":
        return _geojson(notes, georeference, name)
    return b"\xef\xbb\xbf" + _csv(notes, georeference).encode("utf-8", "replace")  # the mark by which Excel knows UTF-8


def _world(notes: Sequence[Note], georeference: Georeference) -> NDArray[Any]:
    """Return the notes as points in the CRS; whole rows and columns are centres of pixels."""
    places = np.array([[note.column + 0.5, note.row + 0.5] for note in notes], np.float64).reshape(-1, 2)
    moved: NDArray[Any] = to_world(shapely.points(places), georeference)
    return moved


def _degrees(notes: Sequence[Note], georeference: Georeference | None, name: str) -> NDArray[np.float64]:
    """Return longitude and latitude of each note, (n, 2)."""
    if georeference is None or not georeference.crs:
        raise PartialSegError(
            f"{name}: GeoJSON holds longitude and latitude, but the image does not say where on the Earth it lies. "
            "Choose CSV (.csv), which keeps rows and columns."
        )
    try:
        found = lon_lat(_world(notes, georeference), georeference, name)
    except PartialSegError as error:
        raise PartialSegError(
            f"{name}: longitude and latitude of the notes cannot be computed from the image's coordinate system. "
            "Choose CSV (.csv), which keeps the image's own coordinates."
        ) from error
    return np.asarray(shapely.get_coordinates(found), np.float64)


def _when(note: Note) -> str:
    try:
        return clock.strftime("%Y-%m-%dT%H:%M:%SZ", clock.gmtime(note.time))
    except (ValueError, OverflowError, OSError):
        return ""


def _csv(notes: Sequence[Note], georeference: Georeference | None) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["number", "text", "row", "column", "x", "y", "longitude", "latitude", "time"])
    world = degrees = np.full((len(notes), 2), np.nan)
    if georeference is not None and notes:
        world = np.asarray(shapely.get_coordinates(_world(notes, georeference)), np.float64)
        try:
            degrees = _degrees(notes, georeference, "")
        except PartialSegError:  # a local CRS: its own coordinates do
            degrees = np.full((len(notes), 2), np.nan)
    for note, (x, y), (lon, lat) in zip(notes, world.tolist(), degrees.tolist(), strict=True):
        places = ["" if np.isnan(v) else repr(v) for v in (x, y, lon, lat)]
        text = f"'{note.text}" if note.text[:1] in ("=", "+", "-", "@") else note.text  # no formula for a spreadsheet
        writer.writerow([note.number, text, f"{note.row:g}", f"{note.column:g}", *places, _when(note)])
    return out.getvalue()


def _geojson(notes: Sequence[Note], georeference: Georeference | None, name: str) -> bytes:
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [lon, lat]},
            "properties": {
                "number": note.number,
                "text": note.text,
                "row": note.row,
                "column": note.column,
                "time": _when(note),
            },
        }
        for note, (lon, lat) in zip(notes, _degrees(notes, georeference, name).tolist(), strict=True)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, indent=1, ensure_ascii=False).encode(
        "utf-8", "replace"
    )
