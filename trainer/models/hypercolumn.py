"""A backbone and a linear head on all of its maps (a hypercolumn) as one network, which a checkpoint can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import torch
from torch import nn
from torch.nn import functional

from annotations.region import Region
from trainer.models.backbone import Backbone, BackboneConfig, by_stride
from trainer.models.blocks import check_input
from trainer.models.feature_maps import FeatureMap, FeatureMaps
from trainer.plain import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["HALO", "WINDOW", "Hypercolumn", "HypercolumnConfig", "feature_maps", "map_sizes"]

WINDOW: Final = 512
"""Side in pixels of the windows in which an image is seen; their grid is anchored at (0, 0)."""
HALO: Final = 64
"""Pixels around a window that the backbone sees besides, at the least.

Less than it reaches (its coarsest maps see some 400 pixels far): more costs much and changes nothing that could be
measured. So that the features of a pixel are the same whatever is asked for, the grid of windows is a fixed one.
"""


_MEANS: Final = (2, 4)
"""The bands are averaged over squares as well, of three times these sides in pixels, at these strides."""
_FEW_BANDS: Final = 4
_FIRST: Final = 1
"""The backbone's first map, its stem, is left out: a quarter of the memory, and worth 0.001 in mIoU."""


@dataclass(frozen=True, slots=True)
class HypercolumnConfig:
    """A linear head on a pretrained backbone."""

    name: Literal["hypercolumn"] = "hypercolumn"
    decoder: bool = True
    """Whether the backbone has its decoder."""
    colours: tuple[int, ...] = (0, 1, 2)
    """Which bands are red, green and blue to the backbone, from 0."""

    def __post_init__(self) -> None:
        """Check the bands."""
        if len(self.colours) != 3 or min(self.colours) < 0:
            raise ConfigError(f"HypercolumnConfig.colours must be three bands, counted from 0, not {self.colours}")


def _products(bands: int) -> tuple[list[int], list[int]]:
    """Return which bands are multiplied with which: each with itself, and of few each with the others."""
    if bands > _FEW_BANDS:
        return list(range(bands)), list(range(bands))
    pairs = [(i, j) for i in range(bands) for j in range(i, bands)]
    return [i for i, _ in pairs], [j for _, j in pairs]


def map_sizes(backbone: Backbone, bands: int) -> tuple[tuple[int, int], ...]:
    """Return the channels of each map of `feature_maps`, and as how many they count.

    All bands together count as one: a band that tells what the others do not would else be lost among so many maps.
    """
    strides = (1, *_MEANS, _MEANS[0], *backbone.strides[_FIRST:])
    sizes = ((bands, 1),) * (1 + len(_MEANS)) + ((len(_products(bands)[0]), 1),)
    sizes += tuple((n, n) for n in backbone.channels[_FIRST:])
    return tuple(sizes[i] for i in by_stride(strides))


def feature_maps(
    backbone: Backbone, images: Tensor, colours: tuple[int, ...], outer: Region, region: Region
) -> FeatureMaps:
    """Return the features of a region: the bands, their means over squares, and what the backbone sees.

    Parameters
    ----------
    backbone : Backbone
        In evaluation mode; call within `Precision.autocast`.
    images : Tensor (1, bands, h, w)
        Normalised pixels of `outer`, float32.
    colours : tuple of int
        Of `HypercolumnConfig`.
    outer : Region
        On the grid of the backbone's `multiple`.
    region : Region
        Inside of it.
    """
    seen = backbone(images[:, list(colours)] if colours != tuple(range(images.shape[1])) else images)
    # Half the memory of float32, of which what is kept of an image is mostly made.
    kept = seen[0].dtype if seen[0].dtype == torch.bfloat16 else torch.float16
    with torch.autocast(images.device.type, enabled=False):
        found = _of_bands(images[0], outer, region, kept)
        for values, stride in zip(seen[_FIRST:], backbone.strides[_FIRST:], strict=True):
            found.append(FeatureMap(values[0].to(kept), stride, outer.top, outer.left))
        return FeatureMaps.cut(region, found)


def _of_bands(image: Tensor, outer: Region, region: Region, kept: torch.dtype) -> list[FeatureMap]:
    """Return the bands, their means, and products of means: of a region, and a little around it."""
    step = _MEANS[-1]
    wide = Region.from_bounds(
        (region.top - outer.top) // step * step - 2 * step,
        (region.left - outer.left) // step * step - 2 * step,
        -(-(region.bottom - outer.top) // step) * step + 2 * step,
        -(-(region.right - outer.left) // step) * step + 2 * step,
    ).clipped((outer.height, outer.width))
    bands = image[:, *wide.slices].contiguous()
    top, left = outer.top + wide.top, outer.left + wide.left
    found = [FeatureMap(bands.half(), 1, top, left)]
    for stride in _MEANS:
        cells = functional.pad(functional.avg_pool2d(bands[None], stride), (1, 1, 1, 1), mode="replicate")
        mean = functional.avg_pool2d(cells, 3, 1)[0]
        found.append(FeatureMap(mean.to(kept), stride, top, left))
        if stride == _MEANS[0]:
            # What lies between two other classes in colour has no line of its own: squares let a linear head bend.
            one, other = _products(len(bands))
            found.append(FeatureMap((mean[one] * mean[other]).to(kept), stride, top, left))
    return found


class Hypercolumn(nn.Module):
    """The network.

    Parameters
    ----------
    config : HypercolumnConfig
        The backbone, and its bands.
    in_channels, classes : int
        Bands of the image and channels of the logits.

    Attributes
    ----------
    multiple, reach : int
        As for `trainer.models.unet.UNet`; the reach is `HALO`, and prediction is by windows.
    window : int
        Side of these.
    """

    def __init__(self, config: HypercolumnConfig, in_channels: int, classes: int) -> None:
        super().__init__()
        if max(config.colours) >= in_channels:
            raise ConfigError(f"the backbone takes the bands {config.colours}, but there are {in_channels}")
        self.config = config
        self.in_channels = in_channels
        self.classes = classes
        self.window = WINDOW
        self.reach = HALO
        self.backbone = Backbone(BackboneConfig(decoder=config.decoder))
        self.multiple = self.backbone.multiple
        features = sum(channels for channels, _ in map_sizes(self.backbone, in_channels))
        self.weights = nn.Parameter(torch.zeros(classes, features))
        self.constants = nn.Parameter(torch.zeros(classes))

    def forward(self, x: Tensor, inner: tuple[slice, slice] | None = None) -> Tensor:
        """Return logits (B, classes, H, W) for a normalised image (B, in_channels, H, W).

        Parameters
        ----------
        x : Tensor
            The image; H and W multiples of `multiple`.
        inner : tuple of slice, optional
            Rows and columns that are wanted, with start and stop.
        """
        check_input(x, self.in_channels, self.multiple)
        outer = region = Region(0, 0, x.shape[-2], x.shape[-1])
        if inner is not None:
            region = Region.from_bounds(inner[0].start, inner[1].start, inner[0].stop, inner[1].stop)
        logits = []
        for image in x:
            features = feature_maps(self.backbone, image[None], self.config.colours, outer, region)
            with torch.autocast(x.device.type, enabled=False):
                logits.append(features.answers(self.weights, self.constants))
        return torch.stack(logits)
