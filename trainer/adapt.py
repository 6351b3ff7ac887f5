"""Start from weights of another network: other classes, other bands; what fits is taken over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

__all__ = ["load_matching"]


@torch.no_grad()
def load_matching(model: nn.Module, weights: Mapping[str, torch.Tensor]) -> list[str]:
    """Copy weights into a model as far as they fit.

    A tensor of the same shape is copied. One that differs in its first or second size alone (more or fewer classes or
    bands) is copied as far as both reach, and the rest keeps its fresh values. Others are left fresh.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place.
    weights : mapping of str to Tensor
        A state dict of the same kind of network.

    Returns
    -------
    list of str
        What was not taken over whole, one sentence each.
    """
    notes: list[str] = []
    own = model.state_dict()
    for name, tensor in own.items():
        source = weights.get(name)
        if source is None or source.dim() != tensor.dim() or source.shape[2:] != tensor.shape[2:]:
            notes.append(f"{name} starts fresh")
            continue
        if source.shape == tensor.shape:
            tensor.copy_(source)
            continue
        common = tuple(slice(0, min(a, b)) for a, b in zip(tensor.shape, source.shape, strict=True))
        tensor[common] = source[common].to(tensor.device, tensor.dtype)
        notes.append(f"{name} was taken over in part: {tuple(source.shape)} into {tuple(tensor.shape)}")
    return notes
