"""The features of an orthophoto, window by window: computed once, and kept within a stated memory.

Windows lie in a fixed grid, and each is seen with a fixed margin. So the features of a pixel do not depend on what is
in view or which part is asked for, and a map on the screen and an exported one agree.
"""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from annotations.images.fingerprint import sample_regions
from trainer.models.hypercolumn import HALO, WINDOW, feature_maps, map_sizes
from trainer.predict.blocks import outer_region, read_with_halo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from numpy.typing import NDArray
    from torch import Tensor

    from annotations.region import Region
    from trainer.live.pixels import PixelSource
    from trainer.models.backbone import Backbone
    from trainer.models.feature_maps import FeatureMaps
    from trainer.normalisation import Normalisation
    from trainer.precision import Precision

__all__ = ["FeatureSource", "windows_in"]

_AT_ONCE: Final = 2  # windows
_SAMPLE_SIDE: Final = 192  # pixels of a part of the image, for what is common in it ...
_SAMPLE_PIXELS: Final = 12_000  # ... so many are taken in all


def windows_in(region: Region, shape: tuple[int, int]) -> Iterator[Region]:
    """Yield the windows that a region inside an image of this shape touches."""
    for tile in region.tiles(WINDOW):
        yield tile.clipped(shape)


class FeatureSource:
    """Computes features, and keeps those used last.

    Parameters
    ----------
    backbone : torch.nn.Module
        A `Backbone`, ready for prediction (see `trainer.predict.folded`).
    source : callable
        Returns the pixels of the image halved so many times, 0 for the image itself.
    normalisation : Normalisation
        Of its bands.
    precision : Precision
        Device and numbers.
    colours : (int, int, int)
        Which bands are red, green and blue to the backbone, from 0.
    megabytes : int
        Memory for what is kept.
    """

    def __init__(
        self,
        backbone: Backbone,
        source: Callable[[int], PixelSource],
        normalisation: Normalisation,
        precision: Precision,
        colours: tuple[int, ...],
        megabytes: int,
    ) -> None:
        self._backbone = backbone
        self._source = source
        self._normalisation = normalisation
        self._precision = precision
        self._colours = colours
        self._limit = megabytes * 1_000_000
        self._held = 0
        self._begun: dict[tuple[int, Region], Future[FeatureMaps]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._view: tuple[int, frozenset[Region]] = (0, frozenset())
        self._kept: OrderedDict[tuple[int, Region], FeatureMaps] = OrderedDict()
        self.sizes = map_sizes(backbone, normalisation.bands)
        """Of `map_sizes`."""

    @property
    def device(self) -> torch.device:
        """Where the features are."""
        return self._precision.device

    def shape(self, level: int) -> tuple[int, int]:
        """Return (H, W) of the image halved `level` times."""
        return self._source(level).shape

    def known(self, level: int, window: Region) -> bool:
        """Whether the features of a window are at hand."""
        return (level, window) in self._kept

    def window(self, level: int, window: Region) -> FeatureMaps:
        """Return the features of a window of the grid, computed now unless they are at hand."""
        key = (level, window)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        begun = self._begun.pop(key, None)
        found = self.compute(level, window) if begun is None else begun.result()
        self._keep(key, found)
        return found

    def _seen(self, key: tuple[int, Region]) -> bool:
        return key[0] == self._view[0] and key[1] in self._view[1]

    def _keep(self, key: tuple[int, Region], found: FeatureMaps) -> None:
        """Keep the features of a window, those in view at the expense of others.

        What is out of view is kept only while there is room: a pass over a large image would else drop each window
        just before the next pass comes to it, and those in view with them.
        """
        excess = self._held + found.nbytes - self._limit
        if excess > 0 and not self._seen(key):
            return
        for other in list(self._kept):
            if excess <= 0:
                break
            if not self._seen(other) or len(self._view[1]) * found.nbytes > self._limit:
                size = self._kept.pop(other).nbytes
                self._held -= size
                excess -= size
        self._kept[key] = found
        self._held += found.nbytes

    def look_at(self, level: int, region: Region) -> None:
        """Take note of what is in view, in pixels of a resolution: its windows stay at hand."""
        shape = self.shape(level)
        self._view = level, frozenset(windows_in(region.clipped(shape), shape))

    def warm(self) -> bool:
        """Compute the features of one more window in view; return whether there may be others."""
        level, windows = self._view
        size = next((kept.nbytes for kept in self._kept.values()), 0)
        if size * len(windows) > self._limit:
            return False
        missing = [window for window in sorted(windows) if not self.known(level, window)]
        for window in missing[: _AT_ONCE + 1]:
            self.ahead(level, window)
        if missing:
            self.window(level, missing[0])
        return bool(missing)

    def compute(self, level: int, region: Region) -> FeatureMaps:
        """Return the features of any region inside the image, which are not kept."""
        return self._seen_by_backbone(self._images(level, region), region)

    def ahead(self, level: int, window: Region) -> None:
        """Begin with a window that will be asked for soon, on a core that is free.

        Two windows at once, a core each, are done in two thirds of the time that one after the other takes on both.
        """
        key = (level, window)
        if not self._cores_are_free() or key in self._kept or key in self._begun:
            return
        if len(self._begun) > _AT_ONCE:  # one of them is being waited for
            oldest = next(iter(self._begun))
            if not self._begun[oldest].done():
                return
            self._keep(oldest, self._begun.pop(oldest).result())  # it was not asked for after all
        self._begun[key] = self._workers().submit(self._seen_by_backbone, self._images(level, window), window)

    def _cores_are_free(self) -> bool:
        return self.device.type == "cpu" and torch.get_num_threads() >= _AT_ONCE

    def _workers(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_AT_ONCE, "features", torch.set_num_threads, (1,))
        return self._pool

    @contextmanager
    def sharing(self) -> Iterator[None]:
        """Use one core only while windows are computed on the others: threads that share a core wait for each other."""
        threads = torch.get_num_threads()
        if not any(not future.done() for future in self._begun.values()) or threads == 1:
            yield
            return
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)

    @torch.no_grad()
    def _seen_by_backbone(self, images: Tensor, region: Region) -> FeatureMaps:
        outer = outer_region(region, HALO, self._backbone.multiple)
        with self._precision.autocast():
            return feature_maps(self._backbone, images, self._colours, outer, region)

    def _images(self, level: int, region: Region) -> Tensor:
        source = self._source(level)
        return self._normalised(read_with_halo(source.read, source.shape, region, HALO, self._backbone.multiple))

    def _normalised(self, pixels: NDArray[Any]) -> Tensor:
        if pixels.dtype not in (np.uint8, np.uint16, np.float32):
            pixels = pixels.astype(np.float32)
        images = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None]
        return self._normalisation.apply(self._precision.images(images))

    def sample(self, level: int) -> Tensor:
        """Return raw features (N, D) of pixels from all over the image, the same ones each time.

        Places without data are passed over, unless there is nothing else.
        """
        source = self._source(level)
        regions = sample_regions(source.shape, _SAMPLE_SIDE, per_axis=4)
        wanted: dict[Region, NDArray[np.int64]] = {}
        for number, region in enumerate(regions):
            rows, columns = np.nonzero(source.read_valid(region))
            if len(rows):
                chosen = np.random.default_rng(number).integers(0, len(rows), _SAMPLE_PIXELS // len(regions))
                wanted[region] = np.stack([rows[chosen] + region.top, columns[chosen] + region.left], axis=1)
        if not wanted:
            wanted = {regions[0]: np.array([[regions[0].top, regions[0].left]])}
        found = self._computed(level, wanted)
        return torch.cat([maps.at(torch.from_numpy(wanted[maps.region]).to(self.device)) for maps in found])

    def _computed(self, level: int, regions: Iterable[Region]) -> list[FeatureMaps]:
        """Return the features of regions, computed two at once where there are cores."""
        if not self._cores_are_free():
            return [self.compute(level, region) for region in regions]
        pool = self._workers()
        return list(
            pool.map(self._seen_by_backbone, *zip(*((self._images(level, r), r) for r in regions), strict=True))
        )
