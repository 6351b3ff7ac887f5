"""What sees an image before any class is known: feature maps of several resolutions, learnt beforehand and left as is.

EfficientNet-Lite0 from the image down, and a light decoder that carries what the coarse maps know back up to a quarter
and half of the resolution. A linear head on all maps together (a hypercolumn: Hariharan et al. 2015) makes classes of
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import nn
from torch.nn import functional

from trainer.models.lite0 import LITE0_CHANNELS, LITE0_STRIDES, Lite0

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["Backbone", "BackboneConfig", "by_stride"]

_DECODED: Final = ((4, 80), (3, 64), (2, 48), (1, 32))  # which of Lite0's maps joins in, and the channels that come out
_BRIDGE: Final = 96

# An image arrives with mean 0 and deviation 1 in each band; ImageNet's has about these of 8 bits, and Lite0 takes
# (value - 127) / 128.
_MEAN: Final = (123.675, 116.28, 103.53)
_DEVIATION: Final = 58.0


def by_stride(strides: Sequence[int]) -> list[int]:
    """Return the places of maps in an order in which those of one resolution are side by side, the finest first."""
    return sorted(range(len(strides)), key=lambda i: strides[i])


@dataclass(frozen=True, slots=True)
class BackboneConfig:
    """Which features there are."""

    decoder: bool = True
    """Whether the decoder's maps are among them."""


class _Decode(nn.Module):
    """Twice the resolution, joined by a map of the encoder."""

    def __init__(self, before: int, skip: int, after: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Conv2d(before + skip, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.mix(torch.cat([skip, x], dim=1))  # type: ignore[no-any-return]  # nn.Sequential returns Any


class Backbone(nn.Module):
    """Feature maps of an image.

    Parameters
    ----------
    config : BackboneConfig
        Which there are.

    Attributes
    ----------
    channels, strides : tuple of int
        Of each map: Lite0's, the finest first, then the decoder's, the coarsest first.
    multiple : int
        Height and width of an image must be multiples of this.
    """

    def __init__(self, config: BackboneConfig | None = None) -> None:
        super().__init__()
        config = BackboneConfig() if config is None else config
        self.multiple = LITE0_STRIDES[-1]
        self.encoder = Lite0()
        self.channels: tuple[int, ...] = LITE0_CHANNELS
        self.strides: tuple[int, ...] = LITE0_STRIDES
        self.bridge: nn.Module | None = None
        self.decoder = nn.ModuleList()
        if config.decoder:
            before = _BRIDGE
            self.bridge = nn.Sequential(
                nn.Conv2d(LITE0_CHANNELS[-1], before, 1, bias=False), nn.BatchNorm2d(before), nn.ReLU(inplace=True)
            )
            for skip, after in _DECODED:
                self.decoder.append(_Decode(before, LITE0_CHANNELS[skip], after))
                before = after
            self.channels += tuple(after for _, after in _DECODED)
            self.strides += tuple(LITE0_STRIDES[skip] for skip, _ in _DECODED)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps (B, C, h, w) of an image (B, 3, H, W): red, green, blue, each of mean 0 and deviation 1."""
        # No buffer: a network brought to half precision would round it, and another one not.
        shift = x.new_tensor([(mean - 127) / 128 for mean in _MEAN]).view(3, 1, 1)
        maps: list[Tensor] = self.encoder(x * (_DEVIATION / 128) + shift)
        if self.bridge is None:
            return maps
        y = self.bridge(maps[-1])
        decoded = []
        for block, (skip, _) in zip(self.decoder, _DECODED, strict=True):
            y = block(y, maps[skip])
            decoded.append(y)
        return maps + decoded
