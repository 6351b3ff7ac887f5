"""The crops of an orthophoto that the live learner sees: around labelled pixels, and from all over the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.optim.swa_utils import update_bn

from annotations.region import Region
from trainer.live.label_index import shrink_labels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn

    from trainer.config import LiveConfig
    from trainer.live.label_index import LabelIndex
    from trainer.live.pixels import BlockCache, Pyramid
    from trainer.normalisation import Normalisation
    from trainer.precision import Precision

__all__ = ["LiveCrops", "measure_statistics"]

_FRESH_SHARE = 0.34
_JITTER = 3 / 8  # a crop's centre lies up to this share of its side from the labelled pixel
_PROBE_CROPS = 12  # of this side, from all over the image
_PROBE_SIDE = 128
_TRIES = 8


class LiveCrops:
    """Reads crops.

    Parameters
    ----------
    image : BlockCache
        The orthophoto.
    coarse : Pyramid, optional
        Its coarser resolutions; without it every level is 0.
    normalisation : Normalisation
        Of its bands.
    precision : Precision
        Device and numbers.
    """

    def __init__(
        self, image: BlockCache, coarse: Pyramid | None, normalisation: Normalisation, precision: Precision
    ) -> None:
        self._image = image
        self._coarse = coarse
        self._normalisation = normalisation
        self._precision = precision

    def around_labels(
        self, labels: LabelIndex, live: LiveConfig, level: int, rng: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw crops around labelled pixels.

        Parameters
        ----------
        labels : LabelIndex
            Not empty.
        live : LiveConfig
            Side, number and balance of the crops.
        level : int
            How often the image is halved for them.
        rng : numpy Generator
            Where the random numbers come from.

        Returns
        -------
        images : Tensor (B, bands, side, side)
            As in the file, on the CPU; uint8 or float32.
        targets : Tensor (B, side, side), int8
            -1 where unlabelled.
        """
        level = level if self._coarse is not None else 0
        factor, side = 1 << level, live.crop
        centres = labels.sample(rng, live.batch_size, balance=live.balance, fresh_share=_FRESH_SHARE)
        jitter = int(side * _JITTER)
        corners = centres // factor - side // 2 + rng.integers(-jitter, jitter + 1, centres.shape)
        regions = [Region(int(row), int(column), side, side) for row, column in corners]
        targets = np.stack([labels.read(region.scaled(factor)) for region in regions])
        return self._pixels(regions, level), torch.from_numpy(shrink_labels(targets, factor, labels.n_classes))

    def probes(self, seed: int, level: int) -> torch.Tensor:
        """Return normalised crops from all over the image, on the device; the same ones for a seed and level."""
        rng = np.random.default_rng(seed)
        level = level if self._coarse is not None else 0
        regions: list[Region] = []
        for tries in range(_TRIES * _PROBE_CROPS):
            row, column = (int(rng.integers(max((size >> level) - _PROBE_SIDE, 0) + 1)) for size in self._image.shape)
            region = Region(row, column, _PROBE_SIDE, _PROBE_SIDE)
            ground = region.scaled(1 << level).clipped(self._image.shape)
            # Places without data are passed over, unless there are few others.
            if tries >= (_TRIES - 1) * _PROBE_CROPS or self._image.read_valid(ground).mean() > 0.5:
                regions.append(region)
            if len(regions) == _PROBE_CROPS:
                break
        return self.prepared(self._pixels(regions, level))

    def prepared(self, images: torch.Tensor) -> torch.Tensor:
        """Return images normalised, on the device and in its layout."""
        return self._precision.images(self._normalisation.apply(images.to(self._precision.device)))

    def _pixels(self, regions: list[Region], level: int) -> torch.Tensor:
        source = self._image if level == 0 or self._coarse is None else self._coarse.at(level)
        pixels = np.stack([source.read_padded(region) for region in regions])
        if pixels.dtype not in (np.uint8, np.float32):
            pixels = pixels.astype(np.float32)
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))


@torch.no_grad()
def measure_statistics(model: nn.Module, batches: Iterable[torch.Tensor], precision: Precision) -> None:
    """Measure the statistics of BatchNorm anew, as a plain mean over batches of prepared images.

    The network is in evaluation mode afterwards. Running averages lag behind weights that change with every step, most
    of all in the first seconds.
    """
    with precision.autocast():
        update_bn(batches, model)
    model.eval()
