"""How the live learner's weights move: which are trained, how fast, and how firmly they are held to the start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from trainer.live.optim_state import load_moments, number_between, optimizer_fits
from trainer.optim import inner_kernels, optimizers_for

if TYPE_CHECKING:
    from trainer.config import LiveConfig

__all__ = ["LiveOptimizer", "is_last"]

_SETTLE_STEPS = 200  # without new labels the learning rate halves about every this many steps ...
_LOWEST_RATE = 0.1  # ... down to this share
_REVIVAL = 4.0  # new labels raise it to this many times their share of all labels, ...
_LEAST_REVIVAL = 0.3  # ... but at least to this
_RISE_STEPS = 30  # over which it rises at the very beginning, from weights
_FRESH_RATE = 4.0  # times the learning rate, for a last layer that starts from nothing
# Labelled pixels that halve the pull towards what it started from; and those among them that were drawn while a map was
# there: a person draws these where it is wrong, so they say far more of what the start does not know.
_LABELLED, _CORRECTED = 30_000, 2_000
_UNLOCK = 4.0  # so much knowledge, and the convolutions are trained too


def is_last(name: str) -> bool:
    """Whether a parameter of that name belongs to the layer that gives the logits."""
    return name.startswith(("head.", "heads."))


class LiveOptimizer:
    """Optimisers, learning rate and pull of a network that learns while labels arrive.

    Parameters
    ----------
    model : torch.nn.Module
        The network; which of its weights are trained is set here.
    live : LiveConfig
        Rates, pull and what to train.
    started : bool
        Whether it starts from weights; from random ones everything is trained, and nothing held.
    knows_classes : bool
        Whether those weights know all of the classes by name.

    Attributes
    ----------
    corrected : int
        Labelled pixels that came while training went on.
    heat : float
        The present share of the learning rate.
    """

    def __init__(self, model: nn.Module, live: LiveConfig, *, started: bool, knows_classes: bool) -> None:
        self.corrected = 0
        self.heat = 1.0
        self._live = live
        self._started = started
        slow: list[nn.Parameter] = []
        fresh: list[nn.Parameter] = []
        self._kernels: list[nn.Parameter] = []
        inner = {id(weight) for weight in inner_kernels(model)}
        for name, weight in model.named_parameters():
            kernel = started and id(weight) in inner
            # Weights of one dimension are those of the normalisation, and biases.
            weight.requires_grad_(not started or is_last(name) or weight.ndim == 1 or live.learn == "all")
            if kernel and live.learn != "norms":
                self._kernels.append(weight)
            elif started and is_last(name) and not knows_classes:
                fresh.append(weight)  # it has far to go, and little to lose
            elif weight.requires_grad:
                slow.append(weight)
        self._anchor = [(weight, weight.detach().clone()) for weight in [*slow, *self._kernels]] if started else []
        rate = live.lr if started else live.scratch_lr
        groups: list[dict[str, Any]] = [{"params": slow, "lr": rate}, {"params": fresh, "lr": _FRESH_RATE * rate}]
        # From random weights, a few hundred steps with few labels are no better with Muon.
        self.optimizers = optimizers_for(groups, live.weight_decay, self._kernels, live.muon_lr)

    def labels_arrived(self, changed: int | None, labelled: int, *, training: bool) -> None:
        """Raise the learning rate again, the more the more there is to learn.

        Parameters
        ----------
        changed : int or None
            How many labelled pixels are new; None raises it fully.
        labelled : int
            How many there are in all.
        training : bool
            Whether a map was there when they were drawn.
        """
        if changed is not None and training:
            self.corrected += changed
        share = 1.0 if changed is None else changed / max(labelled, 1)
        self.heat = max(self.heat, min(max(_REVIVAL * share, _LEAST_REVIVAL), 1.0))
        self._unlock(labelled)

    def prepare(self, step: int) -> None:
        """Set the learning rate of a step, and forget the gradients of the one before."""
        self.heat = max(self.heat * 0.5 ** (1 / _SETTLE_STEPS), _LOWEST_RATE)
        rise = min((step + 1) / _RISE_STEPS, 1.0) if self._started else 1.0
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * self.heat * rise
            optimizer.zero_grad(set_to_none=True)

    def unscale(self, scaler: torch.amp.GradScaler) -> bool:
        """Bring the gradients back to their own size; return whether all of them are finite."""
        for optimizer in self.optimizers:
            if any(weight.grad is not None for group in optimizer.param_groups for weight in group["params"]):
                scaler.unscale_(optimizer)
        gradients = [
            weight.grad
            for optimizer in self.optimizers
            for group in optimizer.param_groups
            for weight in group["params"]
            if weight.grad is not None
        ]
        # A sum of squares may overflow where no gradient is infinite; the largest of each tells.
        return not gradients or bool(torch.isfinite(torch.stack([g.abs().amax() for g in gradients])).all())

    def forget(self) -> None:
        """Drop the moments: they may be what made the weights run away."""
        for optimizer in self.optimizers:
            optimizer.state.clear()
            optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def step(self, labelled: int) -> None:
        """Make a step, and draw the weights a little towards those it started from, the less the more is known."""
        for optimizer in self.optimizers:
            optimizer.step()
        held = [(weight, start) for weight, start in self._anchor if weight.requires_grad]
        strength = self._live.anchor / (1 + self._knowledge(labelled))
        if held and strength:
            torch._foreach_lerp_([weight for weight, _ in held], [start for _, start in held], strength)

    @property
    def correcting(self) -> float:
        """How much was corrected: 1 for 2,000 pixels."""
        return self.corrected / _CORRECTED

    def _knowledge(self, labelled: int) -> float:
        return labelled / _LABELLED + self.correcting

    def _unlock(self, labelled: int) -> None:
        """Train the convolutions too, once enough is known that they cannot be spoilt."""
        if self._knowledge(labelled) >= _UNLOCK:
            for weight in self._kernels:
                weight.requires_grad_(True)

    def state(self) -> dict[str, Any]:
        """Return what training needs to go on."""
        return {
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "heat": self.heat,
            "corrected": self.corrected,
        }

    def fits(self, state: dict[str, Any]) -> bool:
        """Whether a state is one of these optimisers: every moment of the shape of its weight, every number finite.

        Earlier versions kept others; and what a file from elsewhere holds must not reach the fused optimisers, which
        trust it.
        """
        saved = state.get("optimizers")
        return (
            isinstance(saved, list)
            and len(saved) == len(self.optimizers)
            and all(optimizer_fits(one, own) for one, own in zip(saved, self.optimizers, strict=True))
            and number_between(state.get("heat"), 0, 1)
            and number_between(state.get("corrected"), 0, 2**62, whole=True)
        )

    def resume(self, state: dict[str, Any], labelled: int) -> None:
        """Go on from a state that fits."""
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            load_moments(optimizer, saved)
        self.heat = float(state["heat"])
        self.corrected = int(state["corrected"])
        self._unlock(labelled)
