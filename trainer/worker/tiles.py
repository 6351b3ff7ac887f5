"""Predicts one job of the schedule and writes it where the viewer sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotations.classes import NOT_PREDICTED
from trainer import protocol
from trainer.predict.hesitation import Hesitation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.region import Region
    from trainer.worker.mapping import Pass
    from trainer.worker.open_work import OpenWork
    from trainer.worker.schedule import TileJob

__all__ = ["predict_job"]


def predict_job(work: OpenWork, current: Pass, job: TileJob) -> protocol.Tiles:
    """Predict a job, write classes, confidence and doubt into the shared arrays, and return what to tell the viewer.

    A job of a coarse level is predicted from the halved image, and each of its pixels written as a square; what is
    known more finely from the same weights stays.
    """
    factor = 1 << job.level
    valid = work.image.read_valid(job.region) if work.ortho.has_mask else None
    if valid is None or valid.any():
        pixels = work.pixels(job.level)
        coarse = job.region.shrunk(factor)
        hesitation = Hesitation(coarse.shape)
        classes, confidence, margin, runner_up = (
            _enlarged(part, factor, job.region)
            for part in (
                *current.predictor.region(job.level, pixels, coarse, hesitation),
                hesitation.margin,
                hesitation.runner_up,
            )
        )
    else:
        classes = np.full(job.region.shape, NOT_PREDICTED, np.uint8)
        confidence = margin = np.zeros(job.region.shape, np.uint8)
        runner_up = classes
    if valid is not None:
        classes = np.where(valid, classes, np.uint8(NOT_PREDICTED))
        confidence = np.where(valid, confidence, np.uint8(0))
        margin = np.where(valid, margin, np.uint8(0))
        runner_up = np.where(valid, runner_up, np.uint8(NOT_PREDICTED))
    for part in job.parts:
        cut = part.within(job.region).slices
        work.prediction.array[part.slices] = classes[cut]
        work.confidence.array[part.slices] = confidence[cut]
        work.kept.mark(part)
        work.doubt.write(part, margin[cut], runner_up[cut])
        work.kept_doubt.mark(part)
    return protocol.Tiles(tuple(protocol.Tile(part, current.revision, current.step, job.level) for part in job.parts))


def _enlarged(coarse: NDArray[np.uint8], factor: int, region: Region) -> NDArray[np.uint8]:
    if factor == 1:
        return coarse
    fine = coarse.repeat(factor, axis=0).repeat(factor, axis=1)
    return fine[: region.height, : region.width]  # the region's corner lies on the coarse grid
