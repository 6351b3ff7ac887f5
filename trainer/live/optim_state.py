"""The state of an optimiser, as a file holds it: checked against the weights before any of it is used."""

from __future__ import annotations

import math
from typing import Any

import torch

__all__ = ["load_moments", "number_between", "optimizer_fits"]


def number_between(value: Any, low: float, high: float, *, whole: bool = False) -> bool:
    """Whether a value is a finite number (whole: an integer) from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        return False
    return math.isfinite(value) and low <= value <= high


def optimizer_fits(saved: Any, optimizer: torch.optim.Optimizer) -> bool:
    """Whether a saved state is one of this optimiser.

    Parameters
    ----------
    saved : object
        What should be its `state_dict()`.
    optimizer : torch.optim.Optimizer
        AdamW, or `trainer.optim.Muon`.
    """
    if not isinstance(saved, dict) or not isinstance(saved.get("state"), dict):
        return False
    groups = saved.get("param_groups")
    if not isinstance(groups, list) or len(groups) != len(optimizer.param_groups):
        return False
    places: list[Any] = []
    for group, own in zip(groups, optimizer.param_groups, strict=True):
        if not isinstance(group, dict) or not isinstance(group.get("params"), list):
            return False
        if len(group["params"]) != len(own["params"]):
            return False
        places += group["params"]
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    if places != list(range(len(weights))) or any(type(place) is not int for place in places):
        return False
    if any(type(place) is not int or not 0 <= place < len(weights) for place in saved["state"]):
        return False
    names = {"step", "exp_avg", "exp_avg_sq"} if isinstance(optimizer, torch.optim.AdamW) else {"average"}
    return all(_fits(moments, weights[place], names) for place, moments in saved["state"].items())


def _fits(moments: Any, weight: torch.Tensor, names: set[str]) -> bool:
    if not isinstance(moments, dict) or set(moments) != names:
        return False
    for name, value in moments.items():
        if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.device.type != "cpu":
            return False
        if value.shape != (() if name == "step" else weight.shape) or value.dtype != torch.float32:
            return False
        if not bool(torch.isfinite(value).all()) or (name in ("step", "exp_avg_sq") and bool((value < 0).any())):
            return False
    return True


def load_moments(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Take over the moments of a state that fits, in the layout of the weights; rates and the like stay as they are."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for place, moments in saved["state"].items():
        weight = weights[place]
        own: dict[str, torch.Tensor] = {}
        for name, value in moments.items():
            if name == "step":  # on the device where the optimiser is fused, as it keeps it there
                own[name] = value.to(weight.device if _fused(optimizer) else "cpu", copy=True)
            else:
                own[name] = torch.empty_like(weight, requires_grad=False).copy_(value)
        optimizer.state[weight] = own


def _fused(optimizer: torch.optim.Optimizer) -> bool:
    return bool(optimizer.defaults.get("fused"))
