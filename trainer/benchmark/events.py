"""What happens while a cell of the grid runs: `trainer.benchmark.run_cell.run_cell` yields these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from trainer.fit.events import FitEvent

__all__ = ["CellEvent", "LeftAlone", "Said"]


@dataclass(frozen=True, slots=True)
class Said:
    """There is something to tell the person.

    Parameters
    ----------
    text : str
        A line.
    """

    text: str


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Nothing is trained: the cell is finished already, or another process is at work on it."""


CellEvent: TypeAlias = FitEvent | Said | LeftAlone
