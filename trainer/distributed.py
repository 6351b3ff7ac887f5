"""The few things that training over several processes needs; each does nothing in a single process."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import distributed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

__all__ = ["all_reduce_sum", "barrier", "broadcast", "is_main", "process_group", "rank", "share_buffers", "world_size"]


T = TypeVar("T")


def _active() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def world_size() -> int:
    """Return the number of processes that train together."""
    return distributed.get_world_size() if _active() else 1


def rank() -> int:
    """Return the number of this process, from 0."""
    return distributed.get_rank() if _active() else 0


def is_main() -> bool:
    """Whether this is the process that writes files and talks."""
    return rank() == 0


def all_reduce_sum(tensor: Tensor) -> Tensor:
    """Add up a tensor over all processes, in place; return it."""
    if world_size() > 1:
        distributed.all_reduce(tensor)
    return tensor


def barrier() -> None:
    """Wait until all processes have come here."""
    if world_size() > 1:
        distributed.barrier()


def share_buffers(model: nn.Module) -> None:
    """Give all processes the first one's buffers: else each has BatchNorm statistics of its own batches."""
    if world_size() > 1:
        for buffer in model.buffers():
            distributed.broadcast(buffer, 0)


def broadcast(value: T) -> T:
    """Return on all processes what the first one gives; it must be picklable."""
    if world_size() == 1:
        return value
    box = [value]
    distributed.broadcast_object_list(box)
    return box[0]


@contextmanager
def process_group(device: torch.device | None = None) -> Iterator[None]:
    """Join the processes that torchrun started; without torchrun, nothing."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or _active():
        yield
        return
    distributed.init_process_group("nccl" if device is not None and device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()
