"""The optimisers, the learning rate over time, and the moving average of the weights."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import Tensor, nn

    from trainer.config import OptimConfig

__all__ = [
    "Average",
    "Muon",
    "inner_kernels",
    "learning_rate",
    "make_optimizers",
    "optimizers_for",
    "orthogonalised",
    "set_rates",
]

_ROUNDS = 5
"""Each brings singular values nearer to 1."""


def learning_rate(config: OptimConfig, step: int, steps: int) -> float:
    """Return the rate of a step, 0 .. steps - 1.

    One-cycle: a cosine from a 25th of the peak up to it over the first part, then a cosine down to almost 0.
    """
    if config.schedule == "constant" or steps < 2:
        return config.lr
    place = step / (steps - 1)
    if place < config.warmup:
        low, share = config.lr / 25, place / config.warmup
    else:
        low, share = config.lr / 1e4, (1 - place) / (1 - config.warmup)
    return low + (config.lr - low) * (1 - math.cos(math.pi * share)) / 2


def set_rates(optimizers: Iterable[torch.optim.Optimizer], config: OptimConfig, step: int, steps: int) -> None:
    """Set the rates of a step; all follow one schedule, each from its own peak."""
    share = learning_rate(config, step, steps) / config.lr
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * share


def make_optimizers(model: nn.Module, config: OptimConfig) -> list[torch.optim.Optimizer]:
    """Return fused Adam or AdamW for all weights, or Muon for the inner 3x3 convolutions and AdamW for the rest."""
    if config.name != "muon":
        return optimizers_for(
            [{"params": list(model.parameters()), "lr": config.lr}], config.weight_decay, adam=config.name == "adam"
        )
    inner = inner_kernels(model)
    ids = {id(p) for p in inner}
    rest = [p for p in model.parameters() if id(p) not in ids]
    made = optimizers_for([{"params": rest, "lr": config.adam_lr}], config.weight_decay, inner, config.lr)
    return made[::-1]  # Muon's first: so they stand in the files of earlier versions


def inner_kernels(model: nn.Module) -> list[nn.Parameter]:
    """Return the weights of the 3x3 convolutions but the first: those whose steps Muon may make.

    The first sees bands, whose scales mean something; it is left to AdamW, as Muon's authors advise.
    """
    return [p for p in model.parameters() if p.ndim == 4 and p.shape[-1] == 3][1:]


def optimizers_for(
    groups: Iterable[dict[str, Any]],
    weight_decay: float,
    kernels: Sequence[nn.Parameter] = (),
    kernel_rate: float = 0.0,
    *,
    adam: bool = False,
) -> list[torch.optim.Optimizer]:
    """Return fused AdamW for groups of weights and, where there are kernels, Muon for these.

    Parameters
    ----------
    groups : iterable of dict
        As torch's optimisers take them, "params" and "lr"; groups without weights are left out.
    weight_decay : float
        Decoupled, for all.
    kernels : sequence of Parameter
        Of 3x3 convolutions; none of them in a group.
    kernel_rate : float
        Muon's learning rate.
    adam : bool
        Adam instead of AdamW: the decay is a part of the gradient.

    Returns
    -------
    list of Optimizer
        The rate of each group at its peak is kept as "peak", for `set_rates`.
    """
    kind = torch.optim.Adam if adam else torch.optim.AdamW
    made: list[torch.optim.Optimizer] = [
        kind([group for group in groups if group["params"]], weight_decay=weight_decay, fused=True)
    ]
    if kernels:
        made.append(Muon(kernels, kernel_rate, weight_decay))
    for optimizer in made:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return made


def orthogonalised(matrix: Tensor) -> Tensor:
    """Return a matrix with the same singular vectors and singular values near 1 (0.7 to 1.2), by Newton-Schulz rounds.

    Parameters
    ----------
    matrix : Tensor (m, n)
        Computed in bfloat16 where large, which the rounds forgive.
    """
    x = matrix.bfloat16() if matrix.numel() > 4096 else matrix.float()
    x = x / (x.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.mT if tall else x
    for _ in range(_ROUNDS):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    result: Tensor = (x.mT if tall else x).to(matrix.dtype)
    return result


class Muon(torch.optim.Optimizer):
    """Momentum whose steps are made orthogonal: every direction in a convolution's weights is learnt alike.

    After K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024. A convolution's weights
    (out, in, 3, 3) count as a matrix (out, 9 in). torch's own Muon takes matrices alone.

    Parameters
    ----------
    params : iterable of Parameter
        Of two dimensions or more.
    lr : float
        The length of a step: about the change in a weight matrix's largest singular value.
    weight_decay : float
        Decoupled, as in AdamW.
    momentum : float
        Nesterov's.
    """

    def __init__(
        self, params: Iterable[nn.Parameter], lr: float, weight_decay: float = 0.0, momentum: float = 0.95
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]  # no closures here
        """Make a step."""
        if closure is not None:
            raise ValueError("Muon takes no closure")
        for group in self.param_groups:
            momentum = group["momentum"]
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["average"] = torch.zeros_like(weight)
                average = state["average"].lerp_(weight.grad, 1 - momentum)
                matrix = weight.grad.lerp(average, momentum).reshape(len(weight), -1)
                scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(orthogonalised(matrix).view_as(weight), alpha=-group["lr"] * scale)


class Average:
    """A moving average of a network's weights and of its running statistics.

    The decay grows from 0 with the number of steps, so that the first weights, which are random, do not linger. torch's
    AveragedModel counts the steps on the device, and would have each step wait for it to know the decay.

    Parameters
    ----------
    model : torch.nn.Module
        The network in training; `model` of this object is a copy of it.
    decay : float
        0 to 1; the share of the average that a step keeps.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after `step` steps."""
        keep = min(self.decay, step / (step + 9))
        own, new = self.model.state_dict(), model.state_dict()
        floating = [name for name, tensor in own.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([own[n] for n in floating], [new[n] for n in floating], 1 - keep)
        for name in own.keys() - set(floating):
            own[name].copy_(new[name])
