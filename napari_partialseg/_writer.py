"""Saves a Labels layer with its negative values: napari's own writer would store -1 as 4294967295."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from annotations.export import write_labels

from annotations.classes import LANDCOVER_AI, ClassScheme, LandClass, check_labels
from annotations.mask import SparseMask
from annotations.region import Region

__all__ = ["write_labels_layer"]


def write_labels_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write labels as an int8 GeoTIFF with nodata -1, or as an int8 zarr mask; return the path.

    Raises
    ------
    LabelError
        A value is below -1 or above 126.
    """
    target = Path(path)
    labels = check_labels(np.asarray(data), 127, str(attributes.get("name", "labels")))
    if target.suffix == ".zarr":
        count = max(int(labels.max(initial=0)) + 1, len(LANDCOVER_AI))
        more = tuple(LandClass(f"class {i}", "#9b5de5") for i in range(len(LANDCOVER_AI), count))
        scheme = ClassScheme(LANDCOVER_AI.classes + more)
        SparseMask.create(target, labels.shape, scheme).write(Region.whole(labels.shape), labels)
    else:
        write_labels(target, labels, georeference=None)
    return [str(target)]
