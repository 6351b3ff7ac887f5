"""What the worker tells the viewer: what goes on, how far it is, and what the person should know; nothing twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from trainer import protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainer.worker.mapping import Mapping
    from trainer.worker.open_work import OpenWork
    from trainer.worker.pace import Pace

__all__ = ["Teller"]

_NETWORKS = {"unet": "UNet", "unetplusplus": "UNet++"}


def _network(work: OpenWork) -> str:
    model = work.config.model
    if work.config.live.method == "head":
        return "Linear head on pretrained features"
    return f"{_NETWORKS[model.name]}, width {model.width}"


class Teller:
    """Makes messages of what a session does.

    Parameters
    ----------
    emit : callable
        Takes the messages for the viewer.
    """

    def __init__(self, emit: Callable[[protocol.Message], None]) -> None:
        """Tell nothing yet."""
        self.emit = emit
        self._status: protocol.Status | None = None
        self._reported = (-1, 0, 0)

    def say(self, state: protocol.State, text: str) -> None:
        """Say what goes on, unless that was said last."""
        status = protocol.Status(state, text)
        if status != self._status:
            self._status = status
            self.emit(status)

    def say_anew(self) -> None:
        """Have the next `say` said in any case, whatever the viewer was told meanwhile."""
        self._status = None

    def problem(self, text: str, error: BaseException | None = None, *, about: str = "") -> None:
        """Tell of something that went wrong; the error itself is for a bug report."""
        self.emit(protocol.Problem(text, detail="" if error is None else repr(error), about=about))

    def opened(self, work: OpenWork) -> None:
        """Tell what is open, and what was noticed while it was opened."""
        self.emit(
            protocol.Opened(
                device=str(work.precision.device),
                precision=str(work.precision.dtype).removeprefix("torch."),
                reason=work.precision.reason,
                threads=torch.get_num_threads(),
                model=_network(work),
                start=work.learner.start_name,
                step=work.learner.step_count,
            )
        )
        self.notes(work)
        self.say_anew()
        self._reported = (-1, 0, 0)

    def notes(self, work: OpenWork) -> None:
        """Tell what was noticed since the last time."""
        for note in work.take_notes():
            self.emit(protocol.Problem(note))

    def progress(
        self, work: OpenWork, made: Mapping, pace: Pace, blocks: tuple[int, int], *, last: bool = False
    ) -> None:
        """Tell how far it is, a few times a second; the last word before a rest always, unless it was told.

        Parameters
        ----------
        work : OpenWork
            Step, loss and labels.
        made : Mapping
            Which labels the map knows of.
        pace : Pace
            How fast it goes.
        blocks : (int, int)
            Blocks that are predicted, and all that are to be.
        last : bool
            Whether nothing follows.
        """
        done, total = blocks
        news = (work.learner.step_count, done, total)
        if news == self._reported if last else not pace.may_report():
            return
        self._reported = news
        self.emit(
            protocol.Progress(
                step=work.learner.step_count,
                loss=work.learner.take_loss(),
                steps_per_second=pace.steps_per_second,
                labelled=tuple(int(n) for n in work.labels.counts),
                revision=made.revision,
                done=done,
                total=total,
                seconds_left=pace.seconds_left(done, total),
            )
        )
