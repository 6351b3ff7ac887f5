"""Start from weights of another network: other classes, other bands; what fits is taken over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

__all__ = ["for_bands", "for_classes", "load_matching", "sorted_bands"]


def for_classes(
    weights: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor], known: Sequence[str], wanted: Sequence[str]
) -> dict[str, torch.Tensor]:
    """Reorder what a network knows of its classes by the names of other classes.

    Parameters
    ----------
    weights : mapping of str to Tensor
        The state dict of a network for the classes `known`.
    own : mapping of str to Tensor
        A fresh state dict of the same network for the classes `wanted`.
    known, wanted : sequence of str
        Names of classes in the order of the logits; upper and lower case are the same.

    Returns
    -------
    dict of str to Tensor
        `weights`, but the last layer has for each class wanted what is known of the class of that name, or what `own`
        has where there is none.
    """
    places = {name.casefold(): i for i, name in enumerate(known)}
    result = dict(weights)
    for name, fresh in own.items():
        source = weights.get(name)
        if not name.startswith(("head.", "heads.")) or source is None or source.shape[1:] != fresh.shape[1:]:
            continue
        rows = fresh.clone()
        for i, wish in enumerate(wanted):
            at = places.get(wish.casefold())
            if at is not None:
                rows[i] = source[at].to(rows.device, rows.dtype)
        result[name] = rows
    return result


def for_bands(weights: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Fit the first convolution to another number of bands.

    Bands beyond those that the weights know begin with no influence. Where there are fewer, what the missing ones were
    worth is spread over those that there are: a grey image is seen like the same image in colour.

    Parameters
    ----------
    weights : mapping of str to Tensor
        The state dict of a network of `trainer.models`.
    own : mapping of str to Tensor
        A fresh state dict of the same network with the wanted number of bands.
    """
    result = dict(weights)
    first = next((name for name, tensor in own.items() if tensor.dim() == 4), None)
    if first is None or first not in weights:
        return result
    source, bands = weights[first], own[first].shape[1]
    if source.shape[1] == bands or source.shape[0] != own[first].shape[0]:
        return result
    kept = source[:, :bands]
    if bands > source.shape[1]:
        blank = source.new_zeros(source.shape[0], bands - source.shape[1], *source.shape[2:])
        result[first] = torch.cat([kept, blank], dim=1)
    else:
        result[first] = kept + source[:, bands:].sum(dim=1, keepdim=True) / bands
    return result


def sorted_bands(weights: Mapping[str, torch.Tensor], places: Sequence[int | None]) -> dict[str, torch.Tensor]:
    """Reorder what the first convolution knows of the bands to the bands of another image.

    What the bands were worth that the image lacks is spread over those that both have, as in `for_bands`.

    Parameters
    ----------
    weights : mapping of str to Tensor
        The state dict of a network of `trainer.models`.
    places : sequence of int or None
        For each band of the image, which of the network's it is; None where it knows none: that one begins with no
        influence. Each at most once, and not all None.
    """
    result = dict(weights)
    first = next((name for name, tensor in weights.items() if tensor.dim() == 4), None)
    if first is None:
        return result
    source = weights[first]
    known = [place for place in places if place is not None]
    missing = [band for band in range(source.shape[1]) if band not in known]
    spread = source[:, missing].sum(dim=1) / len(known)
    blank = torch.zeros_like(spread)
    result[first] = torch.stack([blank if p is None else source[:, p] + spread for p in places], dim=1)
    return result


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
