"""`partialseg export`: a project's map, polygons, confidence and labels as files, as the viewer writes them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # tyro reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import tyro

from annotations.cleaning.cleaning import Cleaning
from annotations.errors import PartialSegError
from annotations.export.provenance import file_digest
from annotations.export.targets import GEOTIFF, POLYGONS, shown
from trainer.command_line import exit_status
from trainer.commands.projects import given_project
from trainer.commands.targets import may_write
from trainer.opened.export import NEEDS_PREDICTION, Content, protected_files, write
from trainer.opened.open_image import open_image
from trainer.parsing import parsed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainer.opened.open_image import OpenedImage

__all__ = ["Export", "export", "main"]


@dataclass(frozen=True)
class Export:
    """Write a project's map, polygons, confidence or labels for a GIS.

    Where the kept map has gaps, or is not that of the network that the project has now, the whole image is
    predicted first. The project itself is only read, so that a viewer may have it open.
    """

    project: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PROJECT")]
    """The project's folder (NAME.partialseg), or the orthophoto beside it."""
    outputs: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="[OUTPUT ...]", help_behavior_hint="(optional)"),
    ] = ()
    """The map, ending in .tif, and its polygons, ending in .gpkg or .geojson: as many files as are wanted."""
    confidence: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="(optional)")] = None
    """Also write how sure the network is: 1 to 255, 0 where there is no prediction."""
    labels: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="(optional)")] = None
    """Also write your labels: int16, -1 where nothing is labelled."""
    smooth: Annotated[int, tyro.conf.arg(metavar="PIXELS")] = 1
    """Give each pixel of map and polygons the most frequent class around it, in a window of so many pixels: 3, 5 ... 15
    (1: as the network made it)."""
    smallest: Annotated[float, tyro.conf.arg(metavar="AREA")] = 0.0
    """Let no piece of map and polygons be smaller than this: square metres, or pixels where the image has no coordinate
    reference system. Smaller ones go into the neighbour that they share the longest border with."""
    overwrite: bool = False
    """Replace files that are there already."""


def _wanted(command: Export) -> list[tuple[str, Path]]:
    """Return kind and path of each file.

    Raises
    ------
    PartialSegError
        There is none, or the ending of one says nothing.
    """
    wanted = []
    for path in command.outputs:
        ending = path.suffix.lower()
        if ending not in (*GEOTIFF, *POLYGONS):
            raise PartialSegError(f"{shown(path)}: ends in none of {', '.join((*GEOTIFF, *POLYGONS))}. Add the ending.")
        wanted.append(("map" if ending in GEOTIFF else "polygons", path))
    wanted += [("confidence", command.confidence)] if command.confidence is not None else []
    wanted += [("labels", command.labels)] if command.labels is not None else []
    if not wanted:
        raise PartialSegError("nothing to write: name a file for the map or its polygons, or give --labels FILE.tif")
    return wanted


def _checked(wanted: list[tuple[str, Path]], opened: OpenedImage, *, overwrite: bool) -> list[tuple[str, Path]]:
    """Return the files with absolute paths; raises where one may not be written, or is another one too."""
    places = [os.path.realpath(path.expanduser()) for _, path in wanted]
    targets = []
    for (kind, path), place in zip(wanted, places, strict=True):
        if places.count(place) > 1:
            raise PartialSegError(f"{shown(path)}: is named twice. Give each file a name of its own.")
        rasters = [p for p in places if p != place and p.lower().endswith(GEOTIFF)]  # two may not share a style
        target = may_write(
            path,
            endings=POLYGONS if kind == "polygons" else GEOTIFF,
            overwrite=overwrite,
            protected=(*protected_files(opened), *rasters),
            beside=(".aux.xml", ".qml") if kind == "map" else (),
        )
        targets.append((kind, target))
    return targets


def _complete(opened: OpenedImage, project: Path) -> tuple[int | None, Path | None]:
    """See that there is a whole map; return the step and the file of the network that made it, where known.

    Raises
    ------
    PartialSegError
        There is neither a map nor a network to make one.
    """
    path = opened.project.files.weights.best
    if not path.is_file():
        if not opened.has_prediction:
            raise PartialSegError(f"{project}: there is no map to export yet. Train first: partialseg train {project}")
        return None, None
    made = opened.made_by
    if made is not None and made.checkpoint == file_digest(path):
        return made.step, path
    from trainer.commands.whole_map import predict_whole  # torch, which labels and a whole map do without

    return predict_whole(opened, path), path


def export(command: Export) -> list[Path]:
    """Write the files and return their paths.

    Raises
    ------
    PartialSegError
        There is no such project or no map; a file may not be written. Nothing has been written where a name is refused.
    """
    wanted, cleaning = _wanted(command), Cleaning(command.smooth, command.smallest)
    opened = open_image(given_project(command.project), lock="none", shown=False)
    try:
        targets = _checked(wanted, opened, overwrite=command.overwrite)
        step, checkpoint = None, None
        if any(kind in NEEDS_PREDICTION for kind, _ in targets):
            step, checkpoint = _complete(opened, command.project)
        for kind, path in targets:
            write(path, Content.of(kind, opened, step=step, checkpoint=checkpoint, cleaning=cleaning))
    finally:
        opened.close()
    return [path for _, path in targets]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""

    def run() -> None:
        for path in export(parsed(Export, arguments, "partialseg export")):
            print(f"Written: {shown(path)}")

    return exit_status(run, "Stopped; a file that was not finished is as it was before.")
