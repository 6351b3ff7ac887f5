"""What a running grid shows: a bar with the time left where there is a terminal, a line an epoch everywhere."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING

from tqdm import tqdm

from trainer.benchmark.events import LeftAlone, Said
from trainer.distributed import is_main
from trainer.fit.events import EpochEnded, Started, Stepped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainer.benchmark.events import CellEvent
    from trainer.benchmark.grid import Cell
    from trainer.fit.results import EpochResult

__all__ = ["GridProgress", "duration"]


def duration(seconds: float) -> str:
    """Return a time as 1:02:03 or 2:03, or ? for NaN."""
    if math.isnan(seconds):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class GridProgress:
    """The progress of a whole grid, in units of what a step costs.

    Parameters
    ----------
    steps : mapping of Cell to int
        The steps of each cell, all epochs together.
    """

    def __init__(self, steps: Mapping[Cell, int]) -> None:
        self._left = {cell.name: cell.cost * count for cell, count in steps.items()}
        self._bar = tqdm(
            total=round(sum(self._left.values())),
            disable=None if is_main() else True,
            # tqdm's own estimate would take steps that were made earlier for very fast ones.
            bar_format="{desc} {percentage:3.0f}% |{bar}| {elapsed}{postfix}",
        )
        self._start = time.monotonic()
        self._done = 0.0

    def show(self, cell: Cell, event: CellEvent) -> None:
        """Show what happened in a cell."""
        match event:
            case Said(text):
                self.say(text)
            case LeftAlone():
                self.skipped(cell)
            case Started(step):
                self.skipped(cell, step)
            case Stepped():
                self.step(cell)
            case EpochEnded(result, best):
                self.epoch(cell, result, best)

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        if is_main():
            tqdm.write(text, file=sys.stdout)
            sys.stdout.flush()

    def skipped(self, cell: Cell, steps: int | None = None) -> None:
        """Take steps as done that were made before; all that are left by default."""
        cost = self._left[cell.name] if steps is None else min(cell.cost * steps, self._left[cell.name])
        self._left[cell.name] -= cost
        self._bar.update(cost)

    def step(self, cell: Cell) -> None:
        """Count a step."""
        self._done += cell.cost
        self._left[cell.name] -= cell.cost
        self._bar.set_postfix_str(f"ETA {duration(self.seconds_left())}", refresh=False)
        self._bar.update(cell.cost)

    def seconds_left(self) -> float:
        """Return how long the grid will take yet, at the speed so far; NaN before the first step."""
        if not self._done:
            return math.nan
        return (time.monotonic() - self._start) * max(sum(self._left.values()), 0.0) / self._done

    def epoch(self, cell: Cell, result: EpochResult, best: EpochResult | None) -> None:
        """Print what an epoch brought, and the time left for the grid."""
        epochs, scores = cell.config.epochs, result.scores
        self._bar.set_description_str(f"{cell.name} epoch {result.epoch}/{epochs} loss {result.loss:.3f}")
        self.say(
            f"{cell.name}  epoch {result.epoch}/{epochs}  loss {result.loss:.4f}  mIoU {scores.miou:.4f} "
            f"(best {best.scores.miou if best else math.nan:.4f})  accuracy {scores.accuracy:.4f}  "
            f"{result.seconds:.1f} s  ETA {duration(self.seconds_left())}"
        )

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()
