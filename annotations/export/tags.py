"""What a file that this tool wrote says of itself: its classes, and what made it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from annotations.classes import ClassScheme
from annotations.errors import PartialSegError
from annotations.images.gdal_raster import open_dataset
from annotations.images.zarr_image import is_zarr, open_zarr_array

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["classes_told", "provenance_told"]

_PREFIX: Final = "PARTIALSEG_"


def provenance_told(path: Path) -> dict[str, str]:
    """Return the tags of `annotations.export.provenance` in a GeoTIFF, without their common prefix; {} without any."""
    if not path.is_file():
        return {}
    with suppress(PartialSegError), open_dataset(path) as dataset:
        tags: dict[str, str] = dataset.tags()
        return {name.removeprefix(_PREFIX).lower(): text for name, text in tags.items() if name.startswith(_PREFIX)}
    return {}


def classes_told(path: Path) -> ClassScheme | None:
    """Return the classes that a map or labels of this tool name (GeoTIFF or zarr); None where they name none."""
    with suppress(PartialSegError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        if is_zarr(path):
            own: Any = open_zarr_array(path).attrs.asdict().get("partialseg")
            return ClassScheme.from_json(own["classes"])
        return ClassScheme.from_json(json.loads(provenance_told(path)["classes"]))
    return None
