"""`partialseg train`: train a project's network and make its map, as the viewer would and without one."""

from __future__ import annotations

import logging
import math
import signal
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # tyro reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import tyro
from tqdm import tqdm

from annotations.errors import PartialSegError, ProjectError
from trainer import protocol
from trainer.command_line import exit_status
from trainer.commands.projects import given_project
from trainer.commands.train_progress import TrainProgress
from trainer.config import WorkConfig, from_plain
from trainer.opened.message import open_message
from trainer.opened.open_image import open_image
from trainer.parsing import parsed
from trainer.precision import usable_cores
from trainer.worker.session import REST_STEPS, LiveSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from trainer.opened.open_image import OpenedImage

__all__ = ["Train", "Trained", "main", "train"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Train:
    """Learn a project's labels, then predict the whole image.

    With what the project has chosen: the head on pretrained features, or a network, which goes on from the weights
    that the project has. Weights and map are kept in the project: the viewer, opened on it afterwards, goes on from
    there. Ctrl+C saves what is learnt and ends.
    """

    project: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PROJECT")]
    """The project's folder (NAME.partialseg), or the orthophoto beside it. No viewer may have it open."""
    steps: Annotated[int, tyro.conf.arg(metavar="N")] = REST_STEPS
    """Training steps of a network; by default as many as the viewer makes before it rests. The head is done with
    one."""
    minutes: Annotated[float | None, tyro.conf.arg(metavar="M", help_behavior_hint="(optional)")] = None
    """Train a network no longer than this; the prediction comes after it."""


@dataclass(frozen=True)
class Trained:
    """What came of it.

    Parameters
    ----------
    before, after : int
        Steps that the network had seen.
    signal : int
        The signal that ended it, 0 where none did: then the whole image is predicted.
    """

    before: int
    after: int
    signal: int = 0


class _Run:
    """A session, and what it says."""

    def __init__(self, command: Train, stop: Callable[[], bool]) -> None:
        self.session = LiveSession(self._heard, stop, threads=usable_cores(), rest_steps=command.steps, watched=False)
        self.command = command
        self.opened: protocol.Opened | None = None
        self.step = 0
        self.text = ""
        self.state = ""
        self.problem = ""
        self.failed = False
        self.complete = False
        self.progress: TrainProgress | None = None

    def _heard(self, message: protocol.Message) -> None:
        match message:
            case protocol.Opened():
                self.opened, self.step = message, message.step
                self.progress = TrainProgress(self.command.steps, message.step)
                start = f", start: {message.start}" if message.start else ""
                start = f", step {message.step:,}" if message.step else start
                self.progress.say(f"{message.model} on {message.device}, {message.precision}{start}")
            case protocol.Status():
                self.state, self.text = message.state, message.text
            case protocol.Problem():
                self.problem = message.text
                self.failed = self.failed or message.about == "Stop"
                tqdm.write(f"note: {message.text}", file=sys.stderr)
                if message.detail:
                    _log.info("%s\n%s", message.text, message.detail)
            case protocol.Saved():
                self.step, self.failed = message.step, message.failed
                self.complete = self.complete or message.complete
            case protocol.Progress() if self.progress is not None:
                self.step = message.step
                self.progress.show(message, predicting=self.state != "training")


def train(command: Train, clock: Callable[[], float] = time.monotonic) -> Trained:
    """Train and predict; what is learnt is saved, also where this fails or is stopped.

    Raises
    ------
    PartialSegError
        A number is out of range; there is no such project, a viewer has it open, or it lacks labels of two classes;
        training cannot go on, or what came of it could not be saved.
    """
    if command.steps < 1:
        raise PartialSegError(f"--steps {command.steps} is too few: give 1 or more")
    if command.minutes is not None and not 0 < command.minutes < math.inf:
        raise PartialSegError(f"--minutes {command.minutes:g} is out of range: give a number above 0")
    opened = open_image(given_project(command.project), lock="need", shown=False)
    try:
        if opened.note:
            print(f"note: {opened.note}", file=sys.stderr)
        if not opened.store.flush():
            raise opened.store.last_error or ProjectError(f"{command.project}: its labels could not be put in order")
        with _signals() as caught:
            return _trained(command, opened, caught, clock)
    finally:
        opened.close()


def _trained(command: Train, opened: OpenedImage, caught: list[int], clock: Callable[[], float]) -> Trained:
    run = _Run(command, lambda: bool(caught))
    config = from_plain(WorkConfig, opened.project.config)
    before = 0
    try:
        run.session.handle(open_message(opened, config))
        before = run.step
        run.session.handle(protocol.Train())
        end = math.inf if command.minutes is None else clock() + 60 * command.minutes
        while not caught and run.session.work():
            if clock() >= end and run.state == "training":
                end = math.inf
                run.session.handle(protocol.Pause())
        if caught:
            run.session.handle(protocol.Stop())
        elif not run.complete:
            reason = run.text if run.state == "waiting" else "not one step was made in that time"
            raise PartialSegError(f"{command.project}: was not trained: {reason}.")
    finally:
        run.session.handle(protocol.Shutdown())
        if run.progress is not None:
            run.progress.close()
    if run.failed:
        raise PartialSegError(run.problem)
    return Trained(before, run.step, caught[0] if caught else 0)


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Note the first Ctrl+C, or what asks a program to end, so that nothing is cut off in the middle."""
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return

    def note(number: int, _frame: object) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""

    def run() -> int:
        command = parsed(Train, arguments, "partialseg train")
        result = train(command)
        steps = f"step {result.before:,} to {result.after:,}"
        if result.signal:
            print(f"Stopped: {steps}. What is learnt is saved; the same command goes on from there.", file=sys.stderr)
            return 128 + result.signal
        print(f"Trained: {steps}; the whole image is predicted. Saved in {command.project}")
        return 0

    return exit_status(run, "Stopped; what was saved last is kept.")
