"""A network for prediction alone: BatchNorm folded into the convolutions, weights in the type that it computes in."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

if TYPE_CHECKING:
    from trainer.precision import Precision

__all__ = ["folded"]

_Model = TypeVar("_Model", bound=nn.Module)


def folded(model: _Model, precision: Precision) -> _Model:
    """Return a copy of a network that gives the same logits, up to rounding, and cannot be trained.

    Saves a pass over the tensor after each convolution, and the conversion of the weights at each call. It still has to
    run within `precision.autocast()`, which converts the image.

    Parameters
    ----------
    model : torch.nn.Module
        Its convolutions and norms side by side in `nn.Sequential`; unchanged.
    precision : Precision
        Device and numbers.
    """
    model = copy.deepcopy(model).eval().requires_grad_(False)
    for block in model.modules():
        if isinstance(block, nn.Sequential):
            for at in range(len(block) - 1):
                convolution, norm = block[at], block[at + 1]
                if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    block[at] = fuse_conv_bn_eval(convolution, norm)  # in float32, before the conversion
                    block[at + 1] = nn.Identity()
    precision.place(model)  # in its place
    if precision.dtype != torch.float32:
        for part in model.children():  # what is the network's own, as a linear head, is not for autocast
            part.to(precision.dtype)
    return model
