"""What an earlier run left in a cell's folder: a result, and whether it is still that of today's configuration."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from trainer.benchmark.results import CellResult, read_result
from trainer.config import FitConfig, from_plain
from trainer.fit.resume import BEST, comparable, kept_model
from trainer.plain import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trainer.benchmark.grid import Cell

__all__ = ["CONFIG_FILE", "WORTHLESS", "State", "said_of", "state_of"]

CONFIG_FILE: Final = "config.json"
WORTHLESS: Final = "training diverged or gave no usable score; what it scored says nothing about its labels."


@dataclass(frozen=True, slots=True)
class State:
    """What a cell's folder holds: a finished result, if any, and in what its configuration differs from today's."""

    result: CellResult | None
    differences: tuple[str, ...]
    whole: bool = True
    """Whether the weights that the result speaks of are there."""

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.result is not None and not self.differences and self.whole


def _differences(before: Any, now: Any, where: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        keys = [*before, *(k for k in now if k not in before)]
        return [
            text
            for key in keys
            for text in _differences(before.get(key), now.get(key), f"{where}.{key}" if where else str(key))
        ]
    return [] if before == now else [f"{where} {before} -> {now}"]


def state_of(folder: Path, cell: Cell, key: str) -> State:
    """Look at what an earlier run left in a cell's folder.

    Raises
    ------
    ResultError
        Its result is damaged.
    """
    result = read_result(folder)
    try:
        before = comparable(from_plain(FitConfig, json.loads((folder / CONFIG_FILE).read_text("utf-8"))))
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError, ConfigError):
        return State(result, () if result is None else (f"{CONFIG_FILE} is missing or damaged",))
    differences = _differences(before, comparable(cell.config))
    if result is not None and result.data != key:
        differences.append("the data set is another")
    if result is not None and result.best_epoch and not differences:
        return State(result, (), kept_model(folder / BEST, result.best_epoch))
    return State(result, tuple(differences))


def said_of(cell: Cell, folder: Path, state: State) -> Iterator[str]:
    """Yield what there is to say of what an earlier run left."""
    if state.finished and state.result is not None:
        yield f"{cell.name}: finished already, mIoU {state.result.best_miou:.4f}."
        if not state.result.usable:
            yield f"{cell.name}: but {WORTHLESS}"
        return
    if state.differences:
        yield f"{cell.name}: its configuration has changed ({'; '.join(state.differences)}), so it is run again."
    if not state.whole:
        yield f"{cell.name}: finished, but {folder / BEST} is missing or damaged, so it is run again."
