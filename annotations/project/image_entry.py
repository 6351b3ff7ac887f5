"""One orthophoto of a project: where it is, what it is known by, and whether it is still the one that was labelled."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotations.errors import OrthophotoChangedError, OrthophotoMissingError
from annotations.images.band_roles import BandRoles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annotations.images.orthophoto import Orthophoto
    from annotations.project_files import ImageFiles, ProjectFiles, SharedFiles

__all__ = ["ImageEntry", "entry_from", "paths_of"]


@dataclass(frozen=True)
class ImageEntry:
    """One orthophoto of a project.

    Parameters
    ----------
    id : str
        Unique in the project, for good.
    path : Path
        Where the image was last seen, absolute.
    relative : str
        The same from the project's folder, "" where there is no such path (another drive).
    fingerprint : str
        What the image is known by, wherever it lies.
    shape : tuple of int
        (H, W).
    files : ImageFiles
        What is kept of it: labels, strokes, the map.
    shared : SharedFiles
        What can be made again: display levels, the map in the making.
    roles : BandRoles, optional
        What the image's bands are used for; None in projects made before that could be chosen.
    """

    id: str
    path: Path
    relative: str
    fingerprint: str
    shape: tuple[int, int]
    files: ImageFiles
    shared: SharedFiles
    roles: BandRoles | None = None

    @property
    def folder(self) -> Path:
        """Where its labels lie."""
        return self.files.folder

    @property
    def cache(self) -> Path:
        """Where lies what can be made again."""
        return self.shared.folder

    def locate(self) -> Path:
        """Return where the image is now: beside the project as before, also where both have moved, or where it was.

        Raises
        ------
        OrthophotoMissingError
            It is in neither place.
        """
        root = self.folder.parent.parent
        beside = (root / self.relative).resolve() if self.relative else None
        for place in (beside, self.path):
            if place is not None and place.exists():
                return place
        places = f"{beside} nor at {self.path}" if beside not in (None, self.path) else f"{self.path}"
        raise OrthophotoMissingError(
            f"{root}: the orthophoto of image {self.id} is neither at {places}. "
            "Put it back, connect its drive, or tell the project where it is now. The labels are safe.",
            root,
            self.id,
        )

    def check(self, ortho: Orthophoto) -> None:
        """Raise OrthophotoChangedError where an orthophoto is not the one that was labelled, or has changed since."""
        root = self.folder.parent.parent
        if tuple(ortho.shape) != self.shape:
            raise OrthophotoChangedError(
                f"{ortho.path}: {ortho.shape[0]} x {ortho.shape[1]} pixels (height x width), but the labels were drawn "
                f"on {self.shape[0]} x {self.shape[1]}. Open the image of this project, or start a new project.",
                root,
                self.id,
                same_size=False,
            )
        if not ortho.matches(self.fingerprint):
            raise OrthophotoChangedError(
                f"{ortho.path}: the image has changed since it was labelled (fingerprint {ortho.fingerprint}, then "
                f"{self.fingerprint}). Put the old file back, start a new project, or accept the new image if "
                "the ground lies in it where it did.",
                root,
                self.id,
                same_size=True,
            )


def entry_from(files: ProjectFiles, value: Mapping[str, Any]) -> ImageEntry:
    """Return what a project's document says of an image, which was checked when the document was read."""
    image_id = str(value["id"])
    height, width = value["shape"]
    return ImageEntry(
        image_id,
        Path(value["path"]),
        str(value.get("relative", "")),
        str(value["fingerprint"]),
        (int(height), int(width)),
        files.image(image_id),
        files.shared(image_id),
        BandRoles.from_json(value.get("roles")),
    )


def paths_of(path: Path, folder: Path) -> dict[str, str]:
    """Return how the document tells where an image is, as seen from everywhere and from the project's folder."""
    try:
        relative = Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive
        relative = ""
    return {"path": str(path), "relative": relative}
