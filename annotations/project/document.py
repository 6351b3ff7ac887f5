"""project.json: read, with every path and size in it checked, and written with the one before kept."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from annotations.classes import ClassScheme
from annotations.disk.files import read_json, write_atomically
from annotations.errors import ProjectError, ProjectVersionError
from annotations.images.band_roles import BandRoles
from annotations.project_files import ProjectFiles

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PROJECT_FORMAT", "check_inside", "new_document", "read_document", "write_document"]

PROJECT_FORMAT: Final = 1
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DEVICES: Final = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)
_LARGEST_SIDE: Final = 2**31 - 1


def read_document(folder: Path) -> dict[str, Any]:
    """Return the description of a project.

    Raises
    ------
    ProjectVersionError
        A newer version wrote it.
    ProjectError
        It is missing or damaged; the message says which copy can take its place.
    """
    path, backup = ProjectFiles(folder).document, ProjectFiles(folder).backup
    if not path.exists() and not backup.exists():
        raise ProjectError(
            f"{folder}: holds no {path.name}, so it is not a project. Choose a folder named .partialseg."
        )
    try:
        return _read(path)
    except ProjectVersionError:
        raise
    except ProjectError as error:
        way_out = "Restore it from a backup."
        try:
            _read(backup)
            way_out = f"The one before it is kept as {backup}: copy that over it."
        except ProjectVersionError:
            way_out = f"The one before it, {backup}, is of a newer version: update Partial Seg, then copy it over it."
        except ProjectError:
            if backup.exists():
                way_out = f"The one before it, {backup}, is damaged as well: restore either from a backup."
        raise ProjectError(f"{path}: is missing or damaged ({error}). {way_out} The labels are safe.") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        document = read_json(path)
    except ProjectError as error:
        raise ProjectError(str(error.__cause__ or error)) from error
    if not isinstance(document, dict) or type(document.get("format")) is not int:
        raise ProjectError("it is not the description of a project")
    if document["format"] > PROJECT_FORMAT:
        raise ProjectVersionError(
            f"{path}: the project has format {document['format']} (version {document.get('version', 'unknown')}); "
            f"this version reads up to {PROJECT_FORMAT}. Update Partial Seg to open it; nothing was changed."
        )
    try:
        ClassScheme.from_json(document["scheme"])
        ids = [_check_image(value) for value in document["images"]]
        if len(set(ids)) < len(ids):
            raise ValueError(f"two images have one id among {ids}")
        _ = int(document["next_image"]), dict(document["config"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ProjectError(f"{type(error).__name__}: {error}") from error
    return document


def _check_image(value: dict[str, Any]) -> str:
    """Check an image's entry and return its id."""
    image_id = value["id"]
    if not isinstance(image_id, (str, int)) or not _ID.fullmatch(str(image_id)) or _DEVICES.fullmatch(str(image_id)):
        raise ValueError(f"the id {image_id!r} of an image is not a name of letters, digits, - and _")
    for text in (value["path"], value.get("relative", "")):
        if not isinstance(text, str) or "\0" in text:
            raise ValueError(f"{text!r} is not a path of an image")
        os.fsencode(text)
    sides = value["shape"]
    if len(sides) != 2 or not all(type(side) is int and 1 <= side <= _LARGEST_SIDE for side in sides):
        raise ValueError(f"{sides!r} is not a size of an image")
    _ = str(value["fingerprint"]), BandRoles.from_json(value.get("roles"))
    return str(image_id)


def check_inside(folder: Path, ids: list[str]) -> None:
    """Raise ProjectError where a link in a project leads out of it: what is written there would go elsewhere."""
    real = os.path.realpath(folder)
    files = ProjectFiles(folder)
    places = [*files.folders]
    for image_id in ids:
        image = files.image(image_id)
        places += [
            image.folder,
            files.shared(image_id).folder,
            image.history.folder,
            image.history.chunks,
            *image.arrays,
        ]
        places += [array / "c" for array in image.arrays]
    for place in places:
        where = os.path.realpath(place)
        if os.path.lexists(place) and os.path.commonpath([real, where]) != real:
            raise ProjectError(
                f"{place}: is a link that leads out of the project, to {where}. Nothing was opened or changed. "
                "Put the folder itself in the place of the link."
            )


def new_document(scheme: ClassScheme) -> dict[str, Any]:
    """Return the description of a project without images."""
    return {"format": PROJECT_FORMAT, "scheme": scheme.to_json(), "images": [], "config": {}, "next_image": 1}


def write_document(files: ProjectFiles, document: dict[str, Any]) -> None:
    """Write the description of a project, and keep the one before as its backup.

    Raises
    ------
    ProjectError
        It could not be written; it is as it was.
    """
    path = files.document
    try:
        content = json.dumps({**document, "version": _version()}, indent=2).encode()
        if path.exists():
            before = path.read_bytes()
            with suppress(ValueError):  # a damaged one must not take the place of a good one
                json.loads(before)
                write_atomically(files.backup, before)
        write_atomically(path, content)
    except OSError as error:
        raise ProjectError(
            f"{path}: could not be saved ({error}). Make room or check the disk, then try again; it is as it was."
        ) from error


def _version() -> str:
    try:
        return version("napari-partialseg")
    except PackageNotFoundError:
        return "unknown"
