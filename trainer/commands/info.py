"""`partialseg info`: what a project, raster, mask or checkpoint is."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # tyro reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from annotations.errors import PartialSegError
from annotations.export.tags import classes_told
from annotations.images.zarr_image import is_zarr
from annotations.project.project import Project
from trainer.command_line import exit_status
from trainer.commands.about_project import about_network, about_project
from trainer.commands.about_raster import about_mask, about_raster
from trainer.parsing import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Info", "about", "as_lines", "main"]


@dataclass(frozen=True)
class Info:
    """Tell what projects, rasters, masks and checkpoints are.

    Nothing is made or changed, and a viewer may have the project open.
    """

    paths: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="PATH ...", help_behavior_hint="(required)"),
    ] = ()
    """Project folders, images, masks (also .npy and zarr) and checkpoints (.pth)."""
    json: bool = False
    """Print a JSON list with an object for each path, for programs."""


def about(path: Path) -> dict[str, Any]:
    """Return what there is to know of a path, as plain values.

    Raises
    ------
    PartialSegError
        It is not there, damaged, or nothing that this tool knows.
    """
    path = path.expanduser()
    if Project.is_project(path):
        return about_project(path)
    if path.suffix.lower() == ".pth":
        return about_network(path)
    if path.suffix.lower() == ".npy" or (is_zarr(path) and classes_told(path) is not None):
        return about_mask(path)
    return about_raster(path)


def as_lines(value: dict[str, Any], indent: str = "  ") -> Iterator[str]:
    """Yield plain values as lines for people."""
    for name, item in value.items():
        label = name.replace("_", " ")
        if isinstance(item, dict) and any(isinstance(v, dict | list) for v in item.values()):
            yield f"{indent}{label}:"
            yield from as_lines(item, f"{indent}  ")
        elif isinstance(item, list) and any(isinstance(v, dict) for v in item):
            yield f"{indent}{label}:"
            for part in item:
                if any(isinstance(v, dict | list) for v in part.values()):
                    yield from as_lines(part, f"{indent}  ")
                else:
                    yield f"{indent}  {_short(part)}"
        else:
            yield f"{indent}{label}: {_short(item)}"


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_short(item)}" for name, item in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(_short, value)) or "none"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _finite(value: Any) -> Any:
    """Return the same with null for numbers that JSON has no words for."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _tell(command: Info) -> int:
    if not command.paths:
        raise PartialSegError("nothing to tell of: give a project, an image, a mask or a checkpoint")
    found, failed = [], False
    for path in command.paths:
        try:
            found.append(about(path))
        except PartialSegError as error:
            failed = True
            found.append({"path": str(path), "error": str(error)})
            if not command.json:
                print(f"error: {error}", file=sys.stderr)
                continue
        if not command.json:
            print(f"{found[-1].pop('path')}: {found[-1].pop('kind')}")
            print("\n".join(as_lines(found[-1])))
    if command.json:
        print(json.dumps(_finite(found), indent=2, ensure_ascii=False))
    return 2 if failed else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return exit_status(lambda: _tell(parsed(Info, arguments, "partialseg info")), "Stopped.")
