"""The errors that a person is shown: each names the file, the value and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "LabelError",
    "OrthophotoChangedError",
    "OrthophotoError",
    "OrthophotoMissingError",
    "PartialSegError",
    "ProjectError",
    "ProjectLockedError",
    "ProjectVersionError",
    "RasterError",
    "UnplacedMaskError",
]


class PartialSegError(Exception):
    """A problem with the user's input or machine; its text is meant to be read by the user as it stands."""


class RasterError(PartialSegError):
    """A raster cannot be read, is truncated, or does not fit what it is used with."""


class LabelError(PartialSegError, ValueError):
    """A label is outside the class scheme, or a mask does not fit its orthophoto."""


class UnplacedMaskError(LabelError):
    """Only one of a label file and its orthophoto says where it lies: a person has to say whether they match."""


class ProjectError(PartialSegError):
    """A project folder is damaged, incomplete, or does not fit what it is used with."""


class OrthophotoError(ProjectError):
    """The orthophoto of a project is not where it was, or not what it was; the project can be told where it is.

    Attributes
    ----------
    project : Path
        The project's folder.
    image_id : str
        Which of its images.
    """

    def __init__(self, text: str, project: Path, image_id: str) -> None:
        super().__init__(text)
        self.project = project
        self.image_id = image_id


class OrthophotoMissingError(OrthophotoError):
    """The orthophoto of a project is not where it was."""


class OrthophotoChangedError(OrthophotoError):
    """An image is not the one that was labelled, or has changed since.

    Attributes
    ----------
    same_size : bool
        Whether it has as many rows and columns, so that a person may say that the ground is the same.
    """

    def __init__(self, text: str, project: Path, image_id: str, *, same_size: bool) -> None:
        super().__init__(text, project, image_id)
        self.same_size = same_size


class ProjectVersionError(ProjectError):
    """A project was written by a newer version of the tool."""


class ProjectLockedError(ProjectError):
    """A project is open in another viewer."""
