"""Writing what an opened orthophoto holds into files; may run in a thread, touches no viewer."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotations.cleaning.cleaning import AS_IT_IS, Cleaning, cleaned, pixel_area
from annotations.disk.leftovers import sweep_leftovers
from annotations.errors import PartialSegError
from annotations.export.geotiff import write_class_map, write_confidence, write_labels, write_polygons
from annotations.export.provenance import Provenance, file_digest
from annotations.export.targets import shown
from annotations.images.gdal_raster import open_dataset
from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from annotations.images.georeference import Georeference
    from trainer.opened.open_image import OpenedImage

__all__ = ["NEEDS_PREDICTION", "Content", "protected_files", "write"]

NEEDS_PREDICTION = frozenset({"map", "polygons", "confidence"})
"""The kinds of file that are made of the prediction."""
_SMOOTHED = frozenset({"map", "polygons"})
_CLEANING_SHARE = 0.7  # of the time that a file takes

_ROWS = 512


def protected_files(opened: OpenedImage) -> tuple[Path, ...]:
    """Return what no export may replace: the project, its orthophotos, and the files that this one consists of."""
    ortho = opened.ortho.path
    found = [ortho, opened.project.folder]
    with suppress(PartialSegError, OSError):
        found += [place for entry in opened.project.images for place in (entry.path, _located(entry))]
    if ortho.is_file():
        with suppress(PartialSegError), open_dataset(ortho) as dataset:
            found += [Path(name) for name in dataset.files]
    return tuple(dict.fromkeys(found))


def _located(entry: Any) -> Path:
    with suppress(PartialSegError):
        return Path(entry.locate())
    return Path(entry.path)


@dataclass(frozen=True)
class Content:
    """What goes into a file: a copy of the pixels, and what they mean.

    `checkpoint` is the file of the network that made them; None where that is not known, or nobody made them.
    `cleaning` is what is done to the classes of a map before they are written.
    """

    kind: str
    pixels: NDArray[Any]
    scheme: ClassScheme
    georeference: Georeference | None
    protected: tuple[Path, ...] = ()
    provenance: Provenance | None = None
    checkpoint: Path | None = None
    cleaning: Cleaning = AS_IT_IS

    @classmethod
    def of(
        cls,
        kind: str,
        opened: OpenedImage,
        *,
        step: int | None = None,
        checkpoint: Path | None = None,
        protected: tuple[Path, ...] = (),
        cleaning: Cleaning = AS_IT_IS,
    ) -> Content:
        """Copy what "map", "polygons", "confidence" or "labels" need; `cleaning` is for the first two."""
        source = {"confidence": opened.confidence, "labels": opened.labels}.get(kind, opened.prediction)
        ortho = opened.ortho
        needs = kind in NEEDS_PREDICTION
        return cls(
            kind,
            np.array(source),
            opened.project.scheme,
            ortho.georeference,
            (*protected_files(opened), *protected),
            Provenance(step=step if needs else None, image=shown(ortho.path.name), fingerprint=ortho.fingerprint),
            checkpoint if needs else None,
            cleaning if kind in _SMOOTHED else AS_IT_IS,
        )


def write(
    path: str | Path,
    content: Content,
    *,
    progress: Callable[[float], None] = lambda part: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Write a file and return its path.

    What killed programs left half-written in the folder is swept first.

    Raises
    ------
    PartialSegError
        The file cannot be written, or writing was cancelled; what was there before is untouched.
    """
    path = Path(path)
    pixels, scheme, georeference = content.pixels, content.scheme, content.georeference
    shape = (int(pixels.shape[0]), int(pixels.shape[1]))

    def going_on() -> None:
        if cancelled():
            raise PartialSegError(f"{shown(path)}: writing was cancelled; what was there before is untouched.")

    going_on()
    sweep_leftovers(path.parent)
    pixels, about = _smoothed(content, _about(content), going_on, progress)
    share = _CLEANING_SHARE if content.cleaning else 0.0
    rows = _rows(pixels, shape, going_on, lambda part: progress(share + (1 - share) * part))
    common: dict[str, Any] = {"provenance": about, "protected": content.protected}
    if content.kind == "map":
        write_class_map(path, rows, scheme=scheme, georeference=georeference, shape=shape, style=True, **common)
    elif content.kind == "polygons":
        write_polygons(path, pixels, scheme, georeference, cancelled=cancelled, **common)
    elif content.kind == "confidence":
        write_confidence(path, rows, georeference=georeference, shape=shape, scheme=scheme, **common)
    else:
        write_labels(path, pixels, scheme=scheme, georeference=georeference, cancelled=going_on, **common)
    progress(1.0)
    return path


def _rows(
    pixels: NDArray[Any], shape: tuple[int, int], going_on: Callable[[], None], progress: Callable[[float], None]
) -> Iterator[tuple[Region, NDArray[Any]]]:
    """Yield strips of rows, and tell how far it is; `going_on` is called before each and after the last."""
    for top in range(0, shape[0], _ROWS):
        going_on()
        region = Region(top, 0, _ROWS, shape[1]).clipped(shape)
        yield region, pixels[region.slices]
        progress(region.bottom / shape[0])
    going_on()


def _about(content: Content) -> Provenance:
    """Return what made the pixels; the network by the digest of its file, as it is now."""
    about = content.provenance or Provenance()
    if content.checkpoint is None:
        return about
    return replace(about, checkpoint=file_digest(content.checkpoint))


def _smoothed(
    content: Content, about: Provenance, going_on: Callable[[], None], progress: Callable[[float], None]
) -> tuple[NDArray[Any], Provenance]:
    """Return the pixels made as calm as was asked for, and what is said of them."""
    if not content.cleaning:
        return content.pixels, about
    shape = (int(content.pixels.shape[0]), int(content.pixels.shape[1]))
    pixel = pixel_area(content.georeference, shape)

    def tell(part: float) -> None:
        going_on()
        progress(_CLEANING_SHARE * part)

    pixels = cleaned(content.pixels, content.cleaning, pixel, progress=tell)
    return pixels, replace(about, smoothed=content.cleaning.told(pixel))
