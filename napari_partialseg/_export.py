"""Writing what a session holds into files; runs in a thread, touches neither Qt nor the viewer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from annotations.export import write_class_map, write_confidence, write_labels, write_polygons, write_style

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotations.classes import ClassScheme
    from napari_partialseg._prepare import Prepared

__all__ = ["NEEDS_PREDICTION", "write"]

NEEDS_PREDICTION = frozenset({"map", "polygons", "confidence"})


def write(
    kind: str,
    path: str | Path,
    prepared: Prepared,
    scheme: ClassScheme,
    *,
    progress: Callable[[float], None] = lambda part: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Write one of "map", "polygons", "confidence" and "labels"; return the path.

    Raises
    ------
    PartialSegError
        The file cannot be written.
    """
    path = Path(path)
    georeference = prepared.ortho.georeference
    if kind == "map":
        classes = np.asarray(prepared.prediction)
        write_class_map(path, classes, scheme=scheme, georeference=georeference)
        write_style(path.with_suffix(".qml"), scheme)
    elif kind == "polygons":
        write_polygons(path, np.asarray(prepared.prediction), scheme, georeference)
    elif kind == "confidence":
        write_confidence(path, np.asarray(prepared.confidence), georeference=georeference)
    else:
        write_labels(path, prepared.labels.copy(), georeference=georeference)
    progress(1.0)
    return path
