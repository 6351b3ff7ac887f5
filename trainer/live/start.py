"""Loads what the live learner may start from: the weights that ship with the tool, a checkpoint, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from trainer.checkpoint import Checkpoint, CheckpointError, load_checkpoint
from trainer.live.adapt import for_bands, for_classes, load_matching
from trainer.models import HypercolumnConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

__all__ = ["NOTHING", "STARTER", "STARTER_PATH", "begin_from", "load_start"]

STARTER: Final = "starter"
"""The name in the configuration for the weights that ship with the tool."""
NOTHING: Final = "none"
"""The name in the configuration for random weights."""
STARTER_PATH: Final = Path(__file__).parents[1] / "weights" / "starter.pth"
"""Made by `python -m trainer.starter`; see docs/learner.md."""


def load_start(start: str) -> Checkpoint | None:
    """Return the checkpoint that a configuration names, or None for random weights.

    Parameters
    ----------
    start : str
        `STARTER`, `NOTHING`, or the path of a checkpoint.

    Raises
    ------
    CheckpointError
        The file is missing, damaged or newer than this version, or holds no network that could be trained on.
    """
    if start == NOTHING:
        return None
    checkpoint = load_checkpoint(STARTER_PATH if start == STARTER else Path(start))
    if isinstance(checkpoint.model, HypercolumnConfig):
        raise CheckpointError(
            f"{start}: is a linear head on pretrained features, which a network cannot start from. Choose a checkpoint "
            "of a UNet or UNet++, or the starter weights."
        )
    return checkpoint


def begin_from(model: nn.Module, checkpoint: Checkpoint, classes: Sequence[str]) -> None:
    """Give a fresh network the weights of a checkpoint of the same kind, fitted to its bands and classes.

    Parameters
    ----------
    model : torch.nn.Module
        Of the configuration `checkpoint.model`; changed in place.
    checkpoint : Checkpoint
        With any classes and bands.
    classes : sequence of str
        Names of the model's classes, in the order of its logits.
    """
    own = model.state_dict()
    weights = for_bands(checkpoint.state_dict, own)
    load_matching(model, for_classes(weights, own, checkpoint.scheme.names, classes))
