"""`partialseg random-mask`: a random share of a ground truth's labels, repeatable from its seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # tyro reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
import tyro

from annotations.classes import MAX_CLASSES, UNLABELLED, ClassScheme, LandClass
from annotations.errors import LabelError, PartialSegError
from annotations.export.geotiff import write_labels
from annotations.export.tags import classes_told
from annotations.export.targets import GEOTIFF
from annotations.images.orthophoto import open_orthophoto
from annotations.label_files.sources import open_label_source
from annotations.random_mask import random_mask
from annotations.region import Region
from annotations.store.mask import SparseMask, read_mask
from trainer.command_line import exit_status
from trainer.commands.targets import may_write
from trainer.parsing import parsed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotations.images.georeference import Georeference

__all__ = ["RandomMask", "main", "make_mask"]

_ZARR: Final = ".zarr"
_STRIP: Final = 512


@dataclass(frozen=True)
class RandomMask:
    """Keep a random share of a ground truth's pixels; the others are unlabelled (-1).

    The same seed gives the same pixels.
    """

    truth: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="TRUTH")]
    """Class numbers from 0, one band; -1, 255 and nodata are unknown and never drawn."""
    output: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUTPUT")]
    """A GeoTIFF (.tif, int16 with nodata -1) or a zarr array (.zarr, int8)."""
    fraction: float = 0.1
    """The share of the known pixels that is kept, 0 to 1."""
    seed: int = 42
    """Decides which pixels."""
    per_class: bool = False
    """Keep this share of each class by itself, and at least one pixel of each."""
    like: Annotated[Path | None, tyro.conf.arg(metavar="IMAGE", help_behavior_hint="(optional)")] = None
    """Lay the truth onto the grid of this orthophoto first; by default it keeps its own."""
    overwrite: bool = False
    """Replace the output where it is there already (GeoTIFF only)."""


def _truth_of(command: RandomMask) -> tuple[NDArray[np.int8], Georeference | None]:
    """Return the truth, int8, on the grid that is asked for, and where that lies."""
    truth = command.truth.expanduser()
    if command.like is None:
        with open_label_source(truth) as source:
            place = source.georeference
        return read_mask(truth, n_classes=MAX_CLASSES), place
    ortho = open_orthophoto(command.like)
    try:
        mask = read_mask(truth, n_classes=MAX_CLASSES, shape=ortho.shape, georeference=ortho.georeference)
        return mask, ortho.georeference
    finally:
        ortho.close()


def _scheme_for(path: Path, count: int) -> ClassScheme:
    """Return the classes that the truth tells of, where it knows as many; else classes named by their numbers."""
    told = classes_told(path)
    if told is not None and len(told) >= count:
        return told
    greys = [f"{255 * (index + 1) // count:02x}" for index in range(count)]
    return ClassScheme(tuple(LandClass(f"class {index}", f"#{3 * grey}") for index, grey in enumerate(greys)))


def make_mask(command: RandomMask) -> tuple[int, int]:
    """Write the mask; return how many pixels are labelled, and of how many that are known.

    Raises
    ------
    PartialSegError
        The truth cannot be read or holds nothing, a number is out of range, or the output may not be written.
    """
    if not 0 <= command.fraction <= 1:
        raise PartialSegError(f"--fraction {command.fraction:g} is out of range: give a number from 0 to 1")
    if command.seed < 0:
        raise PartialSegError(f"--seed {command.seed} is out of range: give a whole number from 0 up")
    protected = [p.expanduser() for p in (command.truth, command.like) if p is not None]
    as_zarr = command.output.suffix.lower() == _ZARR
    endings = (*GEOTIFF, _ZARR)
    if not as_zarr or not command.output.is_dir():
        may_write(command.output, endings=endings, overwrite=command.overwrite and not as_zarr, protected=protected)
    truth, place = _truth_of(command)
    known = int(np.count_nonzero(truth != UNLABELLED))
    if not known:
        raise LabelError(f"{command.truth}: no pixel has a class there; nothing was written. Is it the right file?")
    scheme = _scheme_for(command.truth.expanduser(), int(truth.max()) + 1)
    mask = random_mask(truth, command.fraction, command.seed, n_classes=len(scheme), per_class=command.per_class)
    if as_zarr:
        _write_zarr(command.output.expanduser(), mask, scheme, place)
    else:
        write_labels(command.output, mask, scheme=scheme, georeference=place, protected=protected)
    return int(np.count_nonzero(mask != UNLABELLED)), known


def _write_zarr(path: Path, mask: NDArray[np.int8], scheme: ClassScheme, place: Georeference | None) -> None:
    height, width = mask.shape
    array = SparseMask.create(path, (height, width), scheme, georeference=place)
    for top in range(0, height, _STRIP):
        region = Region(top, 0, min(_STRIP, height - top), width)
        array.write(region, mask[region.slices])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""

    def run() -> None:
        command = parsed(RandomMask, arguments, "partialseg random-mask")
        labelled, known = make_mask(command)
        print(f"Written: {command.output} ({labelled:,} of {known:,} known pixels, seed {command.seed})")

    return exit_status(run, "Stopped; nothing was written.")
