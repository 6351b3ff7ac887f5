"""The parts that both networks are made of, and how far their outputs see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

    from trainer.config import ModelConfig

__all__ = ["ConvBlock", "DoublingConv", "Upsample", "check_input", "level_widths", "receptive_reach"]


def level_widths(config: ModelConfig) -> list[int]:
    """Return the channels at each resolution, the full one first."""
    widths = [config.width * 2**level for level in range(config.levels)]
    if config.bottleneck == "half":
        widths[-1] //= 2
    return widths


def _norm(kind: Literal["batch", "group"], channels: int) -> nn.Module:
    if kind == "group":
        return nn.GroupNorm(min(8, channels // 4), channels)
    return nn.BatchNorm2d(channels)


class ConvBlock(nn.Sequential):
    """Twice: a 3x3 convolution without bias (the normalisation has one), normalisation and ReLU.

    `middle` is the number of channels between the two, `out_channels` by default.
    """

    def __init__(
        self, in_channels: int, out_channels: int, norm: Literal["batch", "group"], middle: int | None = None
    ) -> None:
        middle = middle or out_channels
        super().__init__(
            nn.Conv2d(in_channels, middle, 3, padding=1, bias=False),
            _norm(norm, middle),
            nn.ReLU(inplace=True),
            nn.Conv2d(middle, out_channels, 3, padding=1, bias=False),
            _norm(norm, out_channels),
            nn.ReLU(inplace=True),
        )


class DoublingConv(nn.ConvTranspose2d):
    """A transposed 2x2 convolution of stride 2: each coarse pixel gives the four finer ones, without overlap.

    In training on the CPU it is computed as the matrix product that it is. The gradient of its weights then is one too;
    that of the library's transposed convolution runs at a tenth of the rate in bfloat16.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 2, stride=2)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return (B, out_channels, 2 H, 2 W) for (B, in_channels, H, W)."""
        if not self.training or x.device.type != "cpu" or self.bias is None:
            return super().forward(x, output_size)
        batch, channels, height, width = x.shape
        out = self.out_channels
        weight = self.weight.permute(2, 3, 1, 0).reshape(4 * out, channels)
        cells = functional.linear(x.permute(0, 2, 3, 1), weight, self.bias.repeat(4))  # (B, H, W, 2 * 2 * out)
        cells = cells.view(batch, height, width, 2, 2, out).transpose(2, 3)
        return cells.reshape(batch, 2 * height, 2 * width, out).permute(0, 3, 1, 2)


class Upsample(nn.Sequential):
    """Twice the resolution, `out_channels` channels.

    The bilinear kind reduces the channels first: interpolating the wide tensor costs three times as much, and both
    are linear, so the order changes nothing but the cost. Where there is nothing to reduce it interpolates alone.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kind: Literal["transposed", "bilinear"],
        align_corners: bool = False,
    ) -> None:
        if kind == "transposed":
            super().__init__(DoublingConv(in_channels, out_channels))
            return
        reduce = [] if in_channels == out_channels else [nn.Conv2d(in_channels, out_channels, 1)]
        super().__init__(*reduce, nn.Upsample(scale_factor=2, mode="bilinear", align_corners=align_corners))


def check_input(x: Tensor, in_channels: int, multiple: int) -> None:
    """Raise ValueError, naming the size to pad to, unless `x` is (B, in_channels, H, W) with usable H and W."""
    if torch.compiler.is_compiling():
        return
    if x.ndim != 4 or x.shape[1] != in_channels:
        raise ValueError(f"the network takes (batch, {in_channels}, height, width), not {tuple(x.shape)}")
    height, width = x.shape[-2:]
    if height % multiple or width % multiple:
        padded = " x ".join(str(-(-side // multiple) * multiple) for side in (height, width))
        raise ValueError(f"height and width must be multiples of {multiple}, not {height} x {width}: pad to {padded}")


def receptive_reach(levels: int, upsampling: Literal["transposed", "bilinear"]) -> int:
    """Return how many pixels away an input pixel can be and still change an output pixel.

    Follows the interval of pixels that an output pixel depends on, down the decoder and up the encoder along the
    deepest path, for each position in the grid of the coarsest level. In UNet++ any other path turns back earlier
    and sees less, so the reach is the same. Aligned corners change the weights of the pixels that bilinear
    upsampling mixes, not which ones these are.

    Returns
    -------
    int
        In pixels, rounded up to the multiple that the input's sides must have.
    """
    multiple = 1 << (levels - 1)
    farthest = 0
    for position in range(multiple):
        first = last = position
        for _ in range(levels - 1):  # decoder block, then from the upsampled pixels to those they are made of
            blur = 1 if upsampling == "bilinear" else 0  # it mixes a coarse pixel with the nearer of its neighbours
            first, last = (first - 2 - blur) // 2, (last + 2 + blur) // 2
        first, last = first - 2, last + 2  # the coarsest block
        for _ in range(levels - 1):  # from pooled pixels to the two they are made of, then the encoder block
            first, last = 2 * first - 2, 2 * last + 1 + 2
        farthest = max(farthest, position - first, last - position)
    return -(-farthest // multiple) * multiple
