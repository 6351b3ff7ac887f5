"""The errors that a person is shown: each names the file, the value and the way out."""

from __future__ import annotations

__all__ = [
    "LabelError",
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
    """Of a label file and its orthophoto only one says where it lies: whether they lie on each other is a question."""


class ProjectError(PartialSegError):
    """A project folder is damaged, incomplete, or does not fit what it is used with."""


class ProjectVersionError(ProjectError):
    """A project was written by a newer version of the tool."""


class ProjectLockedError(ProjectError):
    """A project is open in another viewer."""
