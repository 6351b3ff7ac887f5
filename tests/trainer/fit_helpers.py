from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from trainer.fit.patches import PatchSet

if TYPE_CHECKING:
    from collections.abc import Generator

    from trainer.fit.events import FitEvent
    from trainer.fit.results import FitResult


def to_the_end(training: Generator[FitEvent, None, FitResult]) -> tuple[FitResult, list[FitEvent]]:
    """Train to the end; return what came of it, and what happened."""
    events = []
    while True:
        try:
            events.append(next(training))
        except StopIteration as end:
            return end.value, events


def fitted(training: Generator[FitEvent, None, FitResult]) -> FitResult:
    """Train to the end; return what came of it."""
    return to_the_end(training)[0]


def square_patches(count: int, seed: int, labelled: float = 0.2) -> PatchSet:
    """Patches of coloured squares that can be told by their colour."""
    rng = np.random.default_rng(seed)
    truth = np.kron(rng.integers(0, 3, (count, 4, 4)), np.ones((1, 4, 4), np.int64))
    colours = np.array([[30, 30, 30], [200, 40, 30], [20, 50, 210]])
    images = (colours[truth] + rng.normal(0, 10, (*truth.shape, 3))).clip(0, 255).astype(np.uint8)
    labels = np.where(rng.random(truth.shape) < labelled, truth, -1).astype(np.int8)
    return PatchSet(
        torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(),
        torch.from_numpy(labels),
        tuple(f"p_{i}" for i in range(count)),
    )
