"""What happens while a network is trained: `trainer.fit.loop.fit` yields these, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from trainer.fit.results import EpochResult

__all__ = ["EpochEnded", "FitEvent", "Started", "Stepped"]


@dataclass(frozen=True, slots=True)
class Started:
    """Training begins, or goes on where an earlier run ended; nothing has been written yet.

    Parameters
    ----------
    step : int
        Steps that the earlier run has made; 0 where it begins.
    """

    step: int


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step was made.

    Parameters
    ----------
    step : int
        Steps made so far, those of earlier runs included.
    """

    step: int


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """An epoch was trained and scored; its weights and the history are on disk, where there is a folder for them.

    Parameters
    ----------
    result : EpochResult
        What it brought.
    best : EpochResult or None
        The best so far, this one included; None while none was usable.
    """

    result: EpochResult
    best: EpochResult | None


FitEvent: TypeAlias = Started | Stepped | EpochEnded
