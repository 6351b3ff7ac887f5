"""What the worker's session is at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["WorkSnapshot"]


@dataclass(frozen=True)
class WorkSnapshot:
    """What is open in the worker, and how far it is; nothing in it changes.

    Parameters
    ----------
    labelled : tuple of int
        Labelled pixels of each class.
    weights : Path
        Folder of the checkpoints.
    step : int
        Training steps that the network has seen.
    resumed : bool
        Whether training goes on from a checkpoint as if it had not stopped.
    """

    labelled: tuple[int, ...]
    weights: Path
    step: int
    resumed: bool
