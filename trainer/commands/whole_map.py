"""The map of a project's whole image by the network that it has, made in memory: the project is not touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tqdm import tqdm

from annotations.errors import PartialSegError
from trainer.checkpoint import CheckpointError, load_checkpoint
from trainer.config import WorkConfig, from_plain
from trainer.precision import choose_precision
from trainer.predict.blocks import BlockPredictor, predict_blocks
from trainer.predict.fitting_image import fit_to_image

if TYPE_CHECKING:
    from pathlib import Path

    from trainer.opened.open_image import OpenedImage

__all__ = ["predict_whole"]


def predict_whole(opened: OpenedImage, path: Path) -> int:
    """Fill prediction and confidence of an opened orthophoto; return the steps that the network has seen.

    Parameters
    ----------
    opened : OpenedImage
        Opened without the project's lock, so that its arrays are nobody else's.
    path : Path
        The network's checkpoint.

    Raises
    ------
    PartialSegError
        The network cannot be read, or is for other classes or another kind of image; a part of the image is damaged.
    """
    checkpoint, ortho = load_checkpoint(path), opened.ortho
    train_first = f"Train on it first: partialseg train {opened.project.folder}"
    if len(checkpoint.scheme) != len(opened.project.scheme):
        raise PartialSegError(
            f"{path}: knows {len(checkpoint.scheme)} classes, but the project has {len(opened.project.scheme)} now. "
            f"{train_first}"
        )
    try:
        fitted = fit_to_image(checkpoint, ortho, allow=False, name=str(path))
    except CheckpointError as error:
        raise PartialSegError(f"{str(error).partition('. ')[0]}. {train_first}") from error
    config = from_plain(WorkConfig, opened.project.config)
    predictor = BlockPredictor(checkpoint.build(), fitted.normalisation, choose_precision(config.device))
    blocks = predict_blocks(
        predictor,
        ortho.read,
        ortho.shape,
        block=config.predict.block,
        valid=ortho.read_valid if ortho.has_mask else None,
    )
    total = ortho.shape[0] * ortho.shape[1]
    with tqdm(total=total, desc="predicting", unit="px", unit_scale=True, disable=None) as bar:
        for region, classes, confidence in blocks:
            opened.prediction[region.slices] = classes
            opened.confidence[region.slices] = confidence
            bar.update(classes.size)
    return checkpoint.step
