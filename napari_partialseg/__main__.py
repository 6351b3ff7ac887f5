"""`partialseg open`, `python -m napari_partialseg`: napari with the Partial Seg widget docked."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # tyro reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import tyro

from trainer.command_line import exit_status, program_name
from trainer.parsing import parsed

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Open", "main"]


@dataclass(frozen=True)
class Open:
    """Open the viewer on an image or a project."""

    path: Annotated[
        Path | None,
        tyro.conf.Positional,
        tyro.conf.arg(metavar="[PATH]", help_behavior_hint="(optional)"),
    ] = None
    """An orthophoto, or a project folder (NAME.partialseg)."""
    project: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="(optional)")] = None
    """The project folder for the orthophoto; by default the one beside it."""
    truth: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="(optional)")] = None
    """A truth mask, for random labels and the score."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the viewer; return the exit status."""

    def run() -> None:
        command = parsed(Open, arguments, program_name("python -m napari_partialseg"))
        from napari_partialseg.launch import run_viewer  # napari, which the help does without

        run_viewer(command.path, project=command.project, truth=command.truth)

    return exit_status(run, "Stopped; labels drawn until then are saved.")


if __name__ == "__main__":
    sys.exit(main())
