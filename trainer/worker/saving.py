"""When the worker saves, and what it says of it: weights and map, neither of which a full disk may cost."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from annotations.disk.full import why_not_written
from trainer import protocol
from trainer.worker.files import save_work

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainer.worker.open_work import OpenWork
    from trainer.worker.telling import Teller

__all__ = ["Saver"]

_SECONDS: Final = 20.0  # between two checkpoints while training


class Saver:
    """Saves what is open.

    Parameters
    ----------
    tell : Teller
        Told that it is saved, or why it is not.
    step : int
        Training steps of the network that is on disk.
    clock : callable
        Seconds.
    """

    def __init__(self, tell: Teller, step: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Save nothing yet."""
        self._tell = tell
        self._step = step
        self._clock = clock
        self._next = clock() + _SECONDS

    def save_at_times(self, work: OpenWork) -> None:
        """Save if it is time."""
        if self._clock() >= self._next:
            self._next = self._clock() + _SECONDS
            self.save(work, complete=False)

    def save(self, work: OpenWork, *, complete: bool, always: bool = False, about: str = "") -> None:
        """Save weights and map, and say so; what cannot be written is told, and nothing raised.

        Parameters
        ----------
        work : OpenWork
            What is open.
        complete : bool
            Whether the map is whole, of these very weights.
        always : bool
            Save also where nothing was learnt since the last time.
        about : str
            The type of the message that asked for it, if any.
        """
        if not always and not complete and (self._step == work.learner.step_count or not work.learner.can_save):
            return
        path, weights_failed = self._save_weights(work, about)
        failed = self._save_map(work, path if complete else "", about) or weights_failed
        if not failed:
            self._step = work.learner.step_count
        if complete or not failed:
            # Whoever waits for the whole map has it in the shared arrays, whether or not it could be kept.
            self._tell.emit(protocol.Saved(path, work.learner.step_count, complete, failed))

    def _save_weights(self, work: OpenWork, about: str) -> tuple[str, bool]:
        """Return the checkpoint's path, "" without one, and whether saving it failed."""
        try:
            return (str(save_work(work.weights, work.learner)) if work.learner.step_count else ""), False
        except Exception as error:  # whatever torch, the disk or the codecs raise: the worker goes on
            text = (
                f"{work.weights}: the network could not be saved ({why_not_written(error)}). The last saved one "
                "is still there and training goes on; free some space. Your labels are saved apart."
            )
            self._tell.problem(text, error, about=about)
            return "", True

    def _save_map(self, work: OpenWork, made_by: str, about: str) -> bool:
        """Return whether keeping the map failed; `made_by` is the checkpoint where the map is whole."""
        try:
            work.kept.save(work.prediction.array, work.confidence.array)
            work.kept_doubt.save(work.doubt)
            if made_by:
                work.kept.completed(Path(made_by), work.learner.step_count)
        except Exception as error:
            reason = why_not_written(error)
            text = f"{work.kept.folder}: the map could not be kept ({reason}). It is in view, and can be exported."
            self._tell.problem(text, error, about=about)
            return True
        return False
