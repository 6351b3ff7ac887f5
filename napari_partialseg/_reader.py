"""Readers: orthophotos, projects, and zarr masks of labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotations.project import Project
from annotations.pyramid import display_levels

from annotations.errors import PartialSegError
from annotations.mask import SparseMask
from annotations.orthophoto import open_orthophoto
from napari_partialseg._guard import label_colormap
from napari_partialseg._layers import image_options

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

__all__ = ["get_reader", "read"]


def get_reader(path: str | list[str]) -> Callable[[str], list[tuple[Any, ...]]] | None:
    """Return a reader for the path, or None when it is none of ours."""
    if isinstance(path, list):
        return None
    target = Path(path)
    if target.is_dir() and not Project.is_project(target) and not (target / "zarr.json").is_file():
        return None
    return read


def read(path: str) -> list[tuple[Any, ...]]:
    """Return the layers of an orthophoto, a project's first orthophoto, or a mask of labels.

    Raises
    ------
    PartialSegError
        The file cannot be read; the text names it and the way out.
    """
    target = Path(path)
    if Project.is_project(target):
        project = Project.open(target, write=False)
        try:
            if not project.images:
                raise PartialSegError(f"{target}: the project holds no orthophoto yet; open one to add it.")
            return _orthophoto(project.images[0].locate(), project=target)
        finally:
            project.close()
    mask = _mask(target) if target.is_dir() else None
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
    except PartialSegError:
        return None  # a zarr array that is an image
    labels: np.ndarray = mask.read_all()
    return [(labels, {"name": path.stem, "colormap": label_colormap(mask.scheme)}, "labels")]
