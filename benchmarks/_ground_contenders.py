"""What is compared: each learner takes labels, learns for so many steps or seconds, and shows its map."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from annotations.images.orthophoto import open_orthophoto
from annotations.images.statistics import band_statistics
from annotations.region import Region
from benchmarks._drivers import DirectDriver
from benchmarks._forest import Forest
from benchmarks._frozen_features import colours, lite0_features, starter_features
from benchmarks._linear_head import LinearHead
from trainer.backbone_weights import load_backbone
from trainer.config import DeviceConfig, LiveConfig, WorkConfig
from trainer.head.learner import HeadLearner
from trainer.live.label_index import LabelIndex
from trainer.live.learner import LiveLearner
from trainer.live.pixels import BlockCache, Pyramid
from trainer.live.start import load_start
from trainer.normalisation import Normalisation
from trainer.precision import choose_precision
from trainer.predict.blocks import predict_blocks

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from benchmarks._ground_set import Ground

    Map = tuple[NDArray[np.uint8], NDArray[np.uint8]]

__all__ = ["AT_ONCE", "LEARNERS", "Contender", "enter", "write_image"]

LEARNERS = (
    "head",
    "own names",
    "known names",
    "nothing",
    "forest",
    "linear head",
    "linear head, Lite0",
    "worker",
    "worker, known names",
)
"""The head on pretrained features, which is the default; the network with class names that no weights know, with the
names of the truth, and from random weights, in steps; the random forest; a plain linear head on frozen features, those
of the starter and of EfficientNet-Lite0 or the latter alone; the worker in seconds."""


AT_ONCE = ("head", "forest", "linear head", "linear head, Lite0")
"""Those that are done with one fit, whatever the steps."""


class Contender(Protocol):
    """A learner that is watched."""

    def take(self, labels: NDArray[np.int8]) -> None:
        """Learn from these labels (H, W) from now on, -1 = unlabelled."""

    def advance(self, mark: float) -> None:
        """Learn until so many steps (or seconds) since the beginning; one that is done at once does nothing."""

    def map(self) -> Map:
        """Return classes and confidence of every pixel, each uint8 of (H, W)."""

    def close(self) -> None:
        """End what it runs."""


class _Forest:
    """The random forest on filter responses."""

    def __init__(self, ground: Ground) -> None:
        self._forest = Forest(ground.pixels)
        self._map: NDArray[np.uint8] | None = None

    def take(self, labels: NDArray[np.int8]) -> None:
        self._map, _ = self._forest.map(labels)

    def advance(self, mark: float) -> None:
        pass

    def map(self) -> Map:
        assert self._map is not None
        return self._map, np.full_like(self._map, 255)

    def close(self) -> None:
        pass


class _Head:
    """A linear head on frozen features: one fit, at once."""

    def __init__(self, ground: Ground, *, starter: bool) -> None:
        pixels = ground.pixels[..., :3]
        maps = lite0_features(pixels) + colours(pixels) + (starter_features(pixels) if starter else [])
        self._head = LinearHead(maps, ground.truth.shape)
        self._map: Map | None = None

    def take(self, labels: NDArray[np.int8]) -> None:
        self._map = self._head.map(labels)

    def advance(self, mark: float) -> None:
        pass

    def map(self) -> Map:
        assert self._map is not None
        return self._map

    def close(self) -> None:
        pass


class _OwnHead:
    """The head of the tool, as the worker fits it: at once."""

    def __init__(self, image: Path, scheme: ClassScheme) -> None:
        self._ortho = open_orthophoto(image)
        self._image = BlockCache(self._ortho)
        coarse = Pyramid(self._image)
        self._labels = LabelIndex(self._image.shape, len(scheme))
        colours = self._ortho.colour_bands
        self._learner = HeadLearner(
            load_backbone(),
            lambda level: self._image if level == 0 else coarse.at(level),
            self._labels,
            scheme,
            WorkConfig(),
            Normalisation(*band_statistics(self._ortho)),
            choose_precision(DeviceConfig(), threads_default=_threads()),
            colours * 3 if len(colours) == 1 else colours,
        )

    def take(self, labels: NDArray[np.int8]) -> None:
        self._learner.labels_arrived(self._labels.update(Region.whole(labels.shape), labels))

    def advance(self, mark: float) -> None:
        while self._learner.prepare(0):
            pass

    def map(self) -> Map:
        return self._learner.snapshot().region(0, self._image, Region.whole(self._image.shape))

    def close(self) -> None:
        self._ortho.close()


def _threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS", "0")) or os.cpu_count() or 1


class _Live:
    """The live learner alone, in steps: what it shows does not depend on how busy the machine is."""

    def __init__(self, image: Path, scheme: ClassScheme, start: str, seed: int) -> None:
        self._ortho = open_orthophoto(image)
        self._image = BlockCache(self._ortho)
        self._labels = LabelIndex(self._image.shape, len(scheme))
        config = WorkConfig(live=LiveConfig("network", start=start, seed=seed))
        self._learner = LiveLearner(
            self._image,
            self._labels,
            scheme,
            config,
            Normalisation(*band_statistics(self._ortho)),
            choose_precision(config.device, threads_default=_threads()),
            load_start(start),
            Pyramid(self._image),
        )

    def take(self, labels: NDArray[np.int8]) -> None:
        first = not self._labels.counts.any()
        changed = self._labels.update(Region.whole(labels.shape), labels, fresh=not first)
        self._learner.labels_arrived(None if first else changed)

    def advance(self, mark: float) -> None:
        while self._learner.ready and self._learner.step_count < mark:
            self._learner.step(lambda: False)

    def map(self) -> Map:
        shape = self._image.shape
        classes, confidence = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        for region, some, sure in predict_blocks(self._learner.snapshot(), self._image.read, shape):
            classes[region.slices], confidence[region.slices] = some, sure
        return classes, confidence

    def close(self) -> None:
        self._ortho.close()


class _Worker:
    """The worker as a process, over its protocol, in seconds since Train was pressed."""

    def __init__(self, image: Path, folder: Path, scheme: ClassScheme, seed: int) -> None:
        folder.mkdir()
        self._driver = DirectDriver(image, folder, scheme, WorkConfig(live=LiveConfig(seed=seed)))
        self._seconds = 0.0

    def take(self, labels: NDArray[np.int8]) -> None:
        self._driver.label_all(labels)
        if not self._seconds:
            self._driver.train()

    def advance(self, mark: float) -> None:
        self._driver.wait(mark - self._seconds)
        self._seconds = max(self._seconds, mark)

    def map(self) -> Map:
        return np.array(self._driver.prediction), np.array(self._driver.confidence)

    def close(self) -> None:
        self._driver.close()


def enter(learner: str, ground: Ground, seed: int, folder: Path) -> Contender:
    """Return a learner of `LEARNERS`, ready for labels; `folder` is empty and its own."""
    if learner == "forest":
        return _Forest(ground)
    if learner.startswith("linear head"):
        return _Head(ground, starter="Lite0" not in learner)
    image = folder / "ground.tif"
    write_image(image, ground.pixels)
    scheme = ground.scheme(named="known" in learner)
    if learner == "head":
        return _OwnHead(image, scheme)
    if learner.startswith("worker"):
        return _Worker(image, folder / "work", scheme, seed)
    return _Live(image, scheme, "none" if learner == "nothing" else "starter", seed)


def write_image(path: Path, pixels: NDArray[Any]) -> None:
    """Write pixels (H, W, bands) as a GeoTIFF that lies nowhere."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    height, width, bands = pixels.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver="GTiff", height=height, width=width, count=bands, dtype=pixels.dtype
        ) as file:
            file.write(np.moveaxis(pixels, -1, 0))
