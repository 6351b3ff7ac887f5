"""Readers: orthophotos, projects, and zarr masks of labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from annotations.errors import PartialSegError, ProjectVersionError
from annotations.images.display import display_levels
from annotations.images.orthophoto import open_orthophoto
from annotations.images.zarr_image import is_zarr
from annotations.project.project import Project
from annotations.region import Region
from annotations.store.mask import SparseMask
from napari_partialseg.session.guard import label_colormap
from napari_partialseg.session.layers import MARK, image_options, placement
from napari_partialseg.words import without_markup

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["get_reader", "read"]

_PROJECT = ".partialseg"
_RASTERS = frozenset({".tif", ".tiff", ".vrt", ".jp2", ".png", ".jpg", ".jpeg"})


def get_reader(path: str | list[str]) -> Callable[[str], list[tuple[Any, ...]]] | None:
    """Return a reader for the path, or None when it is none of ours."""
    if isinstance(path, list):
        return None
    target = Path(path)
    if target.is_dir():
        ours = target.suffix == _PROJECT or Project.is_project(target) or is_zarr(target)
    else:
        ours = target.suffix.lower() in _RASTERS
    return _read_or_tell if ours else None


def _read_or_tell(path: str) -> list[tuple[Any, ...]]:
    """Read; what cannot be read is told in the viewer, where an error would end `napari FILE` with a traceback."""
    try:
        return read(path)
    except PartialSegError as error:
        text = without_markup(str(error))
        if QApplication.instance() is None:
            show_error(text)
        else:  # soon: until the event loop runs the viewer shows no messages
            QTimer.singleShot(0, lambda: show_error(text))
        return [(None,)]  # napari's word for "understood, but there is no layer"


def read(path: str) -> list[tuple[Any, ...]]:
    """Return the layers of an orthophoto, a project's first orthophoto, or a mask of labels.

    The widget takes over the image layer of an orthophoto or a project: its metadata say where it came from.

    Raises
    ------
    PartialSegError
        The file cannot be read; the text names it and the way out.
    """
    target = Path(path)
    if Project.is_project(target) or (target.is_dir() and target.suffix == _PROJECT):
        with Project.open(target, write=False) as project:
            if not project.images:
                raise PartialSegError(f"{target}: the project holds no orthophoto yet; open one to add it.")
            return _orthophoto(project.images[0].locate(), project=target)
    mask = _mask(target) if is_zarr(target) else None
    return mask if mask is not None else _orthophoto(target)


def _orthophoto(path: Path, project: Path | None = None) -> list[tuple[Any, ...]]:
    ortho = open_orthophoto(path)
    try:
        levels = display_levels(ortho, None)
        options = image_options(ortho)
    finally:
        ortho.close()
    if project is not None:
        options["metadata"]["project"] = str(project)
    if len(levels) > 1:
        return [(levels, {**options, "multiscale": True}, "image")]
    return [(levels[0], options, "image")]


def _mask(path: Path) -> list[tuple[Any, ...]] | None:
    try:
        mask = SparseMask.open(path)
    except ProjectVersionError:
        raise
    except PartialSegError:
        return None  # a zarr array that is an image
    scheme, georeference = mask.scheme, mask.georeference
    options = {
        "name": path.stem,
        "colormap": label_colormap(scheme),
        "features": {"index": [-1, *range(len(scheme))], "class": ["unlabelled", *scheme.names]},
        "metadata": {
            MARK: "mask",
            "path": str(path),
            "georeference": None if georeference is None else georeference.to_json(),
        },
        **placement(mask),
    }
    return [(mask.read(Region.whole(mask.shape)), options, "labels")]
