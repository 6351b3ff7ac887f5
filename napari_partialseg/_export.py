"""Writing what a session holds into files; runs in a thread, touches neither Qt nor the viewer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotations.errors import PartialSegError
from annotations.export import write_class_map, write_confidence, write_labels, write_polygons, write_style
from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from napari_partialseg._prepare import Prepared

__all__ = ["NEEDS_PREDICTION", "write"]

_ROWS = 512
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
    shape = prepared.ortho.shape

    def rows(array: NDArray[np.uint8]) -> Iterator[tuple[Region, NDArray[np.uint8]]]:
        for top in range(0, shape[0], _ROWS):
            if cancelled():
                raise PartialSegError(f"{path}: writing was cancelled; what was there before is untouched.")
            region = Region(top, 0, _ROWS, shape[1]).clipped(shape)
            yield region, np.asarray(array[region.slices])
            progress(region.bottom / shape[0])

    if kind == "map":
        write_class_map(path, rows(prepared.prediction), scheme=scheme, georeference=georeference, shape=shape)
        write_style(path.with_suffix(".qml"), scheme)
    elif kind == "polygons":
        write_polygons(path, np.asarray(prepared.prediction), scheme, georeference)
    elif kind == "confidence":
        write_confidence(path, rows(prepared.confidence), georeference=georeference, shape=shape)
    else:
        write_labels(path, prepared.labels.copy(), scheme=scheme, georeference=georeference)
    progress(1.0)
    return path
