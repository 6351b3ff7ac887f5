"""Writing what a session holds into files; runs in a thread, touches neither Qt nor the viewer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotations.errors import PartialSegError
from annotations.export import write_class_map, write_confidence, write_labels, write_polygons, write_style
from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from annotations.georeference import Georeference
    from napari_partialseg._prepare import Prepared

__all__ = ["NEEDS_PREDICTION", "Content", "write"]

NEEDS_PREDICTION = frozenset({"map", "polygons", "confidence"})
"""The kinds of file that are made of the prediction."""

_ROWS = 512


@dataclass(frozen=True)
class Content:
    """What goes into a file: a copy of the pixels, and what they mean."""

    kind: str
    pixels: NDArray[Any]
    scheme: ClassScheme
    georeference: Georeference | None

    @classmethod
    def of(cls, kind: str, prepared: Prepared) -> Content:
        """Copy what "map", "polygons", "confidence" or "labels" need."""
        source = {"confidence": prepared.confidence, "labels": prepared.labels}.get(kind, prepared.prediction)
        return cls(kind, np.array(source), prepared.project.scheme, prepared.ortho.georeference)


def write(
    path: str | Path,
    content: Content,
    *,
    progress: Callable[[float], None] = lambda part: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Write a file and return its path.

    Raises
    ------
    PartialSegError
        The file cannot be written, or writing was cancelled; what was there before is untouched.
    """
    path = Path(path)
    pixels, scheme, georeference = content.pixels, content.scheme, content.georeference
    shape = (int(pixels.shape[0]), int(pixels.shape[1]))

    def rows() -> Iterator[tuple[Region, NDArray[np.uint8]]]:
        for top in range(0, shape[0], _ROWS):
            if cancelled():
                raise PartialSegError(f"{path}: writing was cancelled; what was there before is untouched.")
            region = Region(top, 0, _ROWS, shape[1]).clipped(shape)
            yield region, pixels[region.slices]
            progress(region.bottom / shape[0])

    if content.kind == "map":
        write_class_map(path, rows(), scheme=scheme, georeference=georeference, shape=shape)
        write_style(path.with_suffix(".qml"), scheme)
    elif content.kind == "polygons":
        write_polygons(path, pixels, scheme, georeference)
    elif content.kind == "confidence":
        write_confidence(path, rows(), georeference=georeference, shape=shape)
    else:
        write_labels(path, pixels, scheme=scheme, georeference=georeference)
    progress(1.0)
    return path
