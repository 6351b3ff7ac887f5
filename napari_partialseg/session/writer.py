"""Saves a Labels layer with its negative values: napari's own writer would store -1 as 4294967295."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari_builtins.io import napari_write_image

from annotations.classes import LANDCOVER_AI, MAX_CLASSES, NOT_PREDICTED, ClassScheme, LandClass, check_labels
from annotations.errors import LabelError, PartialSegError
from annotations.export.geotiff import write_confidence, write_labels
from annotations.export.targets import GEOTIFF, check_target
from annotations.images.georeference import Georeference
from annotations.region import Region
from annotations.store.mask import SparseMask
from napari_partialseg.session.layers import MARK

__all__ = ["write_image_layer", "write_labels_layer"]

_FURTHER = "#9b5de5"  # the colour of a class whose own is not known


def write_labels_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write labels as an int16 GeoTIFF with nodata -1, or as an int8 zarr mask; return the path.

    Names and colours of the classes are those of the layer where it has them, else those of LandCover.ai. In unsigned
    labels, such as a prediction, 255 becomes -1.

    Parameters
    ----------
    path : str
        Ends in .tif, .tiff or .zarr; what ends in .zarr must not exist yet.
    data : ndarray of integers, (H, W)
        Labels; of a multiscale layer the levels, of which the finest is written.
    attributes : dict
        Of the layer, as napari hands them out.

    Raises
    ------
    PartialSegError
        A value is neither -1 nor 0 to 126, the labels are not (rows, columns), or the file cannot be written.
    """
    target = Path(path)
    name = str(attributes.get("name", "labels"))
    values = np.asarray(data[0] if attributes.get("multiscale") else data)
    if values.ndim != 2:
        raise PartialSegError(f"{name}: the labels have the shape {values.shape}, but (rows, columns) are needed.")
    try:
        unlabelled = NOT_PREDICTED if values.dtype.kind == "u" else None
        labels = check_labels(values, MAX_CLASSES, name, unlabelled=unlabelled)
        scheme = _scheme(attributes, int(labels.max(initial=0)) + 1)
        georeference, protected = _place(attributes)
        if target.suffix.lower() == ".zarr":
            if not target.exists():  # else the mask says by itself that it is never written over
                check_target(target, endings=(".zarr",), protected=protected)
            mask = SparseMask.create(target, labels.shape, scheme, georeference=georeference)
            mask.write(Region.whole(labels.shape), labels)
        else:
            write_labels(target, labels, scheme=scheme, georeference=georeference, protected=protected)
    except LabelError as error:
        # It is a ValueError too, which napari takes for "no writer found" and says nothing.
        raise PartialSegError(str(error)) from error
    except OSError as error:
        raise PartialSegError(
            f"{target}: could not be written ({error}). Make room or choose another place."
        ) from error
    return [str(target)]


def write_image_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write the confidence of a prediction as a GeoTIFF that lies where the orthophoto does; return the path.

    Any other image is left to napari's own writer.

    Parameters
    ----------
    path : str
        Ends in .tif or .tiff.
    data : ndarray of uint8, (H, W)
        0 where there is no prediction.
    attributes : dict
        Of the layer, as napari hands them out.

    Raises
    ------
    PartialSegError
        The file cannot be written.
    """
    if (attributes.get("metadata") or {}).get(MARK) != "confidence" or not path.lower().endswith(GEOTIFF):
        return [written for written in [napari_write_image(path, data, attributes)] if written]
    georeference, protected = _place(attributes)
    write_confidence(path, np.asarray(data), georeference=georeference, protected=protected)
    return [path]


def _place(attributes: dict[str, Any]) -> tuple[Georeference | None, tuple[str, ...]]:
    """Return where a layer lies, and the files that it must not be written over."""
    metadata = attributes.get("metadata") or {}
    own = [metadata[key] for key in ("image", "path") if isinstance(metadata.get(key), str)]
    return Georeference.from_json(metadata.get("georeference")), tuple(own)


def _scheme(attributes: dict[str, Any], count: int) -> ClassScheme:
    """Return the layer's classes, at least `count` of them."""
    names = _names(attributes)
    colours = getattr(attributes.get("colormap"), "color_dict", None) or {}
    classes = []
    for index in range(max(count, max(names) + 1 if names else len(LANDCOVER_AI))):
        own = LANDCOVER_AI[index] if not names and index < len(LANDCOVER_AI) else None
        name = names.get(index) or (own.name if own else f"class {index}")
        colour = _hex(colours[index]) if names and index in colours else (own.colour if own else _FURTHER)
        classes.append(LandClass(name, colour, str(index + 1) if index < 9 else ""))
    return ClassScheme(tuple(classes))


def _names(attributes: dict[str, Any]) -> dict[int, str]:
    features = attributes.get("features")
    if features is None or not {"index", "class"} <= set(features):
        return {}
    rows = zip(features["index"], features["class"], strict=True)
    return {int(index): str(name) for index, name in rows if int(index) >= 0}


def _hex(colour: Any) -> str:
    red, green, blue = (round(255 * float(part)) for part in colour[:3])
    return f"#{red:02x}{green:02x}{blue:02x}"
