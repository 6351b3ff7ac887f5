"""A small orthophoto with labels, opened as the viewer would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import rasterio
from rasterio import Affine

from annotations.classes import NOT_PREDICTED, ClassScheme, LandClass
from annotations.prediction.shared_array import SharedArray
from annotations.region import Region
from annotations.store.mask import SparseMask
from trainer import protocol
from trainer.config import LiveConfig, ModelConfig, PredictConfig, WorkConfig, to_plain

if TYPE_CHECKING:
    from pathlib import Path

SCHEME = ClassScheme((LandClass("field", "#aa8800"), LandClass("wood", "#00aa00"), LandClass("lake", "#0000aa")))
SHAPE = (200, 300)
CONFIG = WorkConfig(
    model=ModelConfig(width=4, levels=3),
    live=LiveConfig(method="network", crop=32, batch_size=4, ema=0.8),
    predict=PredictConfig(block=128),
)


@dataclass
class Work:
    folder: Path
    truth: np.ndarray
    message: protocol.Open
    mask: SparseMask

    def draw(self, rows, columns, label):
        region = Region(rows[0], columns[0], rows[1] - rows[0], columns[1] - columns[0])
        self.mask.write(region, np.full(region.shape, label, np.int8))
        return region

    def prediction(self):
        return np.array(SharedArray.open(self.folder / "prediction.u8", SHAPE).array)


def make_work(folder, *, nodata_rows=0):
    rng = np.random.default_rng(1)
    truth = np.zeros(SHAPE, np.uint8)
    truth[:, 100:200] = 1
    truth[:, 200:] = 2
    image = rng.integers(1, 60, (3, *SHAPE)).astype(np.uint8)
    for band in range(3):
        image[band][truth == band] += 150
    if nodata_rows:
        image[:, :nodata_rows] = 0
    path = folder / "field.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=SHAPE[0],
        width=SHAPE[1],
        count=3,
        dtype="uint8",
        crs="EPSG:32640",
        transform=Affine(0.5, 0, 3e5, 0, -0.5, 2e6),
        nodata=0 if nodata_rows else None,
    ) as file:
        file.write(image)
    SparseMask.create(folder / "labels.zarr", SHAPE, SCHEME)
    SharedArray.create(folder / "prediction.u8", SHAPE, NOT_PREDICTED)
    SharedArray.create(folder / "confidence.u8", SHAPE, 0)
    message = protocol.Open(
        image=str(path),
        labels=str(folder / "labels.zarr"),
        prediction=str(folder / "prediction.u8"),
        confidence=str(folder / "confidence.u8"),
        keep=str(folder),
        weights=str(folder / "weights"),
        classes=SCHEME.to_json(),
        config=to_plain(CONFIG),
    )
    return Work(folder, truth, message, SparseMask.open(folder / "labels.zarr", writable=True))
