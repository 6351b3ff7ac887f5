"""Behind ``python -m trainer.predict``: a checkpoint and an orthophoto give a map."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path  # noqa: TC003  # tyro reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import tyro
from tqdm import tqdm

from annotations.disk.leftovers import sweep_leftovers
from annotations.errors import PartialSegError
from annotations.export.geotiff import write_class_map, write_confidence
from annotations.export.provenance import Provenance, file_digest
from annotations.export.targets import shown
from annotations.images.boundary import reading
from annotations.images.orthophoto import open_orthophoto
from trainer.checkpoint import load_checkpoint
from trainer.command_line import exit_status, program_name
from trainer.config import DeviceConfig, PredictConfig
from trainer.parsing import parsed
from trainer.precision import choose_precision
from trainer.predict.blocks import BlockPredictor, predict_blocks
from trainer.predict.files import BlockStore, check_room, check_targets
from trainer.predict.fitting_image import fit_to_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from annotations.images.orthophoto import Orthophoto
    from annotations.region import Region
    from trainer.checkpoint import Checkpoint

__all__ = ["Predict", "main", "make_map"]


@dataclass(frozen=True)
class Predict:
    """Make a land-cover map of an orthophoto: a GeoTIFF with the same CRS and transform."""

    checkpoint: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CHECKPOINT")]
    """A best_model.pth."""
    image: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE")]
    """The orthophoto: GeoTIFF, PNG, JPEG or zarr."""
    output: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUTPUT")]
    """The map to write, ending in .tif: class indices as uint8, 255 where the image has no data. A style of the same
    name ending in .qml, which QGIS takes up, is written beside it."""
    confidence: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="(optional)")] = None
    """Also write the confidence, uint8, 255 is certain."""
    allow_misfit: Annotated[bool, tyro.conf.arg(aliases=["--force"])] = False
    """Go on, with a warning, where the image is of another kind than the network learnt on: another type or range of
    pixels (the image's own mean and deviation are then used), other bands (taken by their names where they tell), or
    another resolution."""
    predict: Annotated[PredictConfig, tyro.conf.arg(name="")] = field(default_factory=PredictConfig)
    device: Annotated[DeviceConfig, tyro.conf.arg(name="")] = field(default_factory=DeviceConfig)


def make_map(
    command: Predict,
    progress: Callable[[float], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> None:
    """Write the map, its style, and the confidence when asked for.

    Memory grows with the block, not with the image; an interrupted or failed run leaves no half-written map, and what a
    killed one left is swept.

    Parameters
    ----------
    command : Predict
        What to do.
    progress : callable, optional
        Takes the share done, 0 to 1.
    say : callable, optional
        Takes warnings, and what there is to know about the image.

    Raises
    ------
    PartialSegError
        The checkpoint or the image cannot be read, the image is of another kind than the network learnt on, a file that
        is read would be written to, or a file cannot be written.
    """
    tell: Callable[[str], None] = say if say is not None else lambda text: None
    command = replace(
        command,
        output=command.output.expanduser(),
        confidence=None if command.confidence is None else command.confidence.expanduser(),
    )
    protected = _checked(command)
    checkpoint = load_checkpoint(command.checkpoint)
    ortho = open_orthophoto(command.image)
    try:
        check_room(command.output, command.confidence, command.image, ortho.shape)
        for note in ortho.notes:
            tell(f"note: {note}")
        fitted = fit_to_image(checkpoint, ortho, allow=command.allow_misfit, name=str(command.checkpoint))
        for warning in fitted.warnings:
            tell(f"warning: {warning}")
        for path in _targets(command):
            names = (path.name, f"{path.name}.aux.xml", path.with_suffix(".qml").name)
            sweep_leftovers(path.parent, names)
        predictor = BlockPredictor(checkpoint.build(), fitted.normalisation, choose_precision(command.device))
        with BlockStore(command.confidence, ortho.shape) as sure:
            blocks = _blocks(command, ortho, predictor, fitted.bands, sure, progress)
            _write(command, checkpoint, ortho, blocks, sure, protected)
    finally:
        ortho.close()


def _targets(command: Predict) -> list[Path]:
    return [command.output] + ([] if command.confidence is None else [command.confidence])


def _checked(command: Predict) -> tuple[Path, ...]:
    """Return what is read, and so must not be replaced; raises where a file may not be written under its name."""
    for path in _targets(command):
        if path.suffix.lower() not in (".tif", ".tiff"):
            raise PartialSegError(f"{path}: the map is written as a GeoTIFF; give a name that ends in .tif")
    return check_targets(command.output, command.confidence, command.image, command.checkpoint)


def _write(
    command: Predict,
    checkpoint: Checkpoint,
    ortho: Orthophoto,
    blocks: Iterator[tuple[Region, NDArray[np.uint8]]],
    sure: BlockStore,
    protected: Sequence[Path],
) -> None:
    """Write the map as its blocks come, then the confidence that was kept of them."""
    about = Provenance(file_digest(command.checkpoint), checkpoint.step, shown(command.image.name), ortho.fingerprint)
    write_class_map(
        command.output,
        blocks,
        scheme=checkpoint.scheme,
        georeference=ortho.georeference,
        shape=ortho.shape,
        style=True,
        provenance=about,
        protected=protected,
    )
    if command.confidence is not None:
        write_confidence(
            command.confidence,
            sure.blocks(),
            georeference=ortho.georeference,
            shape=ortho.shape,
            scheme=checkpoint.scheme,
            provenance=about,
            protected=protected,
        )


def _blocks(
    command: Predict,
    ortho: Orthophoto,
    predictor: BlockPredictor,
    bands: Sequence[int] | None,
    sure: BlockStore,
    progress: Callable[[float], None] | None,
) -> Iterator[tuple[Region, NDArray[np.uint8]]]:
    """Yield the classes of each block, and keep the confidence."""
    way_out = "The file, or one that it names, is damaged, cut off or missing: copy or download it again."

    def read(region: Region) -> NDArray[Any]:
        with reading(command.image, "a part of the image cannot be read", way_out):
            return ortho.read(region, bands)

    def valid(region: Region) -> NDArray[np.bool_]:
        with reading(command.image, "a part of the image cannot be read", way_out):
            return ortho.read_valid(region)

    done, pixels = 0, ortho.shape[0] * ortho.shape[1]
    size, batch = command.predict.block, command.predict.batch_size
    for region, classes, confidence in predict_blocks(
        predictor, read, ortho.shape, block=size, batch_size=batch, valid=valid if ortho.has_mask else None
    ):
        sure.add(region, confidence)
        yield region, classes
        done += classes.size
        if progress is not None:
            progress(done / pixels)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""

    def run() -> None:
        command = parsed(Predict, arguments, program_name("python -m trainer.predict"), pairs=True)
        bar = tqdm(total=100, unit="%", disable=None, bar_format="{percentage:3.0f}% |{bar}| {elapsed}<{remaining}")
        with bar:
            make_map(
                command,
                lambda share: bar.update(100 * share - bar.n) and None,
                lambda text: tqdm.write(text, file=sys.stderr),
            )
        print(f"Written: {command.output}")

    return exit_status(run, "Stopped; nothing was written.")
