"""Behind ``python -m trainer.predict``: a checkpoint and an orthophoto give a map."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003  # tyro reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro
from tqdm import tqdm

from annotations.errors import PartialSegError
from annotations.export import write_class_map, write_confidence
from annotations.orthophoto import open_orthophoto
from trainer.checkpoint import CheckpointError, load_checkpoint
from trainer.config import DeviceConfig, PredictConfig
from trainer.precision import choose_precision
from trainer.predict import BlockPredictor, predict_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from annotations.region import Region

__all__ = ["Predict", "main", "make_map"]


@dataclass(frozen=True)
class Predict:
    """Make a land-cover map of an orthophoto: a GeoTIFF with the same CRS and transform."""

    checkpoint: tyro.conf.Positional[Path]
    """A best_model.pth."""
    image: tyro.conf.Positional[Path]
    """The orthophoto: GeoTIFF, PNG, JPEG or zarr."""
    output: tyro.conf.Positional[Path]
    """The map to write, ending in .tif: class indices as uint8, 255 where the image has no data."""
    confidence: Path | None = None
    """Also write the confidence, uint8, 255 is certain."""
    predict: Annotated[PredictConfig, tyro.conf.arg(name="")] = field(default_factory=PredictConfig)
    device: Annotated[DeviceConfig, tyro.conf.arg(name="")] = field(default_factory=DeviceConfig)


def make_map(command: Predict, progress: Callable[[float], None] | None = None) -> None:
    """Write the map, and the confidence when asked for.

    Memory grows with the block, not with the image; an interrupted or failed run leaves no half-written map.

    Raises
    ------
    PartialSegError
        The checkpoint or the image cannot be read, the image has another number of bands than the network takes, or a
        file cannot be written.
    """
    for path in (command.output, command.confidence):
        if path is not None and path.suffix.lower() not in (".tif", ".tiff"):
            raise PartialSegError(f"{path}: the map is written as a GeoTIFF; give a name that ends in .tif")
        if path is not None and path.resolve() == command.image.resolve():
            raise PartialSegError(f"{path}: is the orthophoto itself; give the map another name")
    checkpoint = load_checkpoint(command.checkpoint)
    ortho = open_orthophoto(command.image)
    if ortho.bands != checkpoint.in_channels:
        raise CheckpointError(
            f"{command.image}: has {ortho.bands} bands, but {command.checkpoint} was trained on "
            f"{checkpoint.in_channels}. Choose an image with the bands it was trained on, or train on this one."
        )
    precision = choose_precision(command.device)
    predictor = BlockPredictor(checkpoint.build(), checkpoint.normalisation, precision)
    pixels = ortho.shape[0] * ortho.shape[1]
    with tempfile.TemporaryFile() as scratch:
        # Both files are written block by block, one after the other; the confidence waits here.
        sure: NDArray[np.uint8] | None = None
        if command.confidence is not None:
            scratch.truncate(pixels)
            sure = np.memmap(scratch, np.uint8, "r+", shape=ortho.shape)

        def blocks() -> Iterator[tuple[Region, NDArray[np.uint8]]]:
            done = 0
            for region, classes, confidence in predict_blocks(
                predictor,
                ortho.read,
                ortho.shape,
                block=command.predict.block,
                batch_size=command.predict.batch_size,
                valid=ortho.read_valid if ortho.has_mask else None,
            ):
                if sure is not None:
                    sure[region.slices] = confidence
                yield region, classes
                done += classes.size
                if progress is not None:
                    progress(done / pixels)

        write_class_map(
            command.output, blocks(), scheme=checkpoint.scheme, georeference=ortho.georeference, shape=ortho.shape
        )
        if sure is not None and command.confidence is not None:
            write_confidence(command.confidence, sure, georeference=ortho.georeference)
    ortho.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    command = tyro.cli(Predict, args=arguments, prog="python -m trainer.predict")
    bar = tqdm(total=100, unit="%", disable=None, bar_format="{percentage:3.0f}% |{bar}| {elapsed}<{remaining}")
    try:
        with bar:
            make_map(command, lambda share: bar.update(100 * share - bar.n) and None)
    except PartialSegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped; nothing was written.", file=sys.stderr)
        return 130
    print(f"Written: {command.output}")
    return 0
