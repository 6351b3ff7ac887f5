"""Which project a command is given, by its folder or by its orthophoto."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotations.errors import ProjectError
from annotations.project.project import Project

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["given_project"]


def given_project(path: Path) -> Path:
    """Return what to open for a path: itself, a project's folder or an orthophoto that has a project.

    Raises
    ------
    ProjectError
        It is neither. Nothing is made.
    """
    path = path.expanduser()
    if Project.is_project(path) or (path.exists() and Project.is_project(Project.folder_for(path))):
        return path
    if not path.exists():
        raise ProjectError(f"{path}: there is no such folder. Give a project (NAME.partialseg) or its orthophoto.")
    beside = Project.folder_for(path)
    raise ProjectError(
        f"{path}: is not a project, and has none beside it ({beside} does not exist). Give a project's folder, or open "
        "the image in the viewer and label it first."
    )
