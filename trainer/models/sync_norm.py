"""BatchNorm over the batches of all processes that train together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from trainer.distributed import all_reduce_sum, world_size

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SyncBatchNorm", "synchronised"]


class _Sum(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return all_reduce_sum(value.clone())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return all_reduce_sum(gradients[0].clone())


class SyncBatchNorm(nn.BatchNorm2d):
    """As torch's own, which works only on GPUs: slower, for the CPU, where it makes many processes train as one."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W) with the statistics of all processes' batches; in evaluation with the running ones."""
        if not self.training or world_size() == 1:
            return super().forward(x)
        wide = x.float()
        sums = torch.stack([wide.sum((0, 2, 3)), wide.square().sum((0, 2, 3))])
        count = all_reduce_sum(torch.tensor(float(x.numel() // x.shape[1])))
        mean, square = _Sum.apply(sums) / count  # type: ignore[no-untyped-call]  # torch's stub
        variance = (square - mean.square()).clamp(min=0)
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            with torch.no_grad():
                share = 0.1 if self.momentum is None else self.momentum
                self.running_mean.lerp_(mean, share)
                self.running_var.lerp_(variance * count / (count - 1).clamp(min=1), share)
                self.num_batches_tracked += 1
        gain = torch.rsqrt(variance + self.eps) * self.weight
        shift = self.bias - mean * gain
        result: Tensor = (wide * gain[:, None, None] + shift[:, None, None]).to(x.dtype)
        return result


def synchronised(model: nn.Module) -> nn.Module:
    """Replace each BatchNorm by one over all processes, its weights and statistics kept; return the network.

    On a GPU this is torch's own. Names in the state dict stay as they are.
    """
    if any(p.is_cuda for p in model.parameters()):
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        return converted
    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d) and not isinstance(child, SyncBatchNorm):
                other = SyncBatchNorm(child.num_features, child.eps, child.momentum)
                other.load_state_dict(child.state_dict())
                setattr(module, name, other)
    return model
