"""The worker's work: takes messages, and between them trains and predicts in slices of a fraction of a second.

No thread and no process here, so that tests drive it step by step.
"""

from __future__ import annotations

import time
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from annotations.errors import PartialSegError
from trainer import protocol
from trainer.config import WorkConfig, from_plain
from trainer.worker.files import keep_former
from trainer.worker.mapping import Mapping, Pass
from trainer.worker.memory import do_with_less, ran_out
from trainer.worker.open_work import OpenWork, scheme_of
from trainer.worker.pace import Pace
from trainer.worker.saving import Saver
from trainer.worker.snapshot import WorkSnapshot
from trainer.worker.telling import Teller
from trainer.worker.tiles import predict_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainer.live.learning import Learner
    from trainer.worker.schedule import TileJob

__all__ = ["REST_STEPS", "LiveSession", "Mode"]


REST_STEPS = 3000
"""Without new labels, training rests after this many steps."""
_AHEAD = 2  # blocks that are begun while one is predicted


class Mode(Enum):
    """What the person asked for last; each is also the state that the viewer is told."""

    _value_: protocol.State

    TRAINING = "training"
    PAUSED = "paused"
    STOPPED = "stopped"


class LiveSession:
    """One orthophoto being learnt.

    What is open (`OpenWork`: files, labels, network) is apart from what goes on: the mode and the map in the making are
    the session's. `handle` changes them, `work` acts by them.

    Parameters
    ----------
    emit : callable
        Takes the messages for the viewer.
    interrupted : callable, optional
        Asked between micro-batches and blocks: whether something more urgent waits.
    threads : int
        CPU threads when the configuration leaves it open.
    rest_steps : int
        Without new labels, training rests after this many steps.
    watched : bool
        Whether somebody looks at the map while it is learnt: otherwise it is made when training rests.
    """

    def __init__(
        self,
        emit: Callable[[protocol.Message], None],
        interrupted: Callable[[], bool] = lambda: False,
        *,
        threads: int = 1,
        rest_steps: int = REST_STEPS,
        watched: bool = True,
    ) -> None:
        self._tell = Teller(emit)
        self._interrupted = interrupted
        self._threads = threads
        self._rest_steps = rest_steps
        self._watched = watched
        self._open: OpenWork | None = None
        self._refused: protocol.Open | None = None
        self._mode = Mode.STOPPED
        self._halted = False  # by the person, who then has to press Train
        self._whole = False  # the whole map was asked for: it comes first, then the mode goes on
        self._map: Mapping  # these three are of what is open
        self._pace: Pace
        self._saver: Saver

    def _begin(self, work: OpenWork) -> None:
        """Begin to learn what is open."""
        self._pace = Pace(time.monotonic)
        self._saver = Saver(self._tell, work.learner.step_count)

    @property
    def opened(self) -> bool:
        """Whether an orthophoto is open."""
        return self._open is not None

    @property
    def urgent(self) -> bool:
        """Whether what is next takes a moment only, and is waited for: the view, where a fit is a map."""
        work = self._open
        if work is None or not work.at_once or self._mode is not Mode.TRAINING or not work.learner.ready:
            return False
        return not work.learner.steps_since_labels or not self._map.view_done

    @property
    def learner(self) -> Learner:
        """What learns the orthophoto that is open.

        Raises
        ------
        PartialSegError
            None is open.
        """
        return self._needed().learner

    def snapshot(self) -> WorkSnapshot:
        """Return what is open, and how far it is.

        Raises
        ------
        PartialSegError
            Nothing is open.
        """
        work = self._needed()
        return WorkSnapshot(
            labelled=tuple(int(n) for n in work.labels.counts),
            weights=work.weights,
            step=work.learner.step_count,
            resumed=work.learner.resumed_whole,
        )

    def _needed(self) -> OpenWork:
        if self._open is None:
            raise PartialSegError("The worker has no orthophoto open.")
        return self._open

    # ------------------------------------------------------------------------------------------------ messages

    def handle(self, message: protocol.Message) -> None:
        """Act on a message from the viewer.

        Raises
        ------
        PartialSegError
            It cannot be done; the text is for the user. The session goes on as before.
        """
        try:
            self._handle(message)
        except PartialSegError:
            raise
        except Exception as error:  # a message that a newer or odd viewer sends must not end the worker
            raise PartialSegError(
                f"The worker could not act on {type(message).__name__} ({type(error).__name__}: {str(error)[:300]}). "
                "It goes on as before."
            ) from error
        finally:
            if self._open is not None:
                self._tell.notes(self._open)

    def _handle(self, message: protocol.Message) -> None:
        match message:
            case protocol.Open():
                self._open_image(message)
            case protocol.Unknown(line=line, reason=reason):
                self._tell.emit(protocol.Problem(f"The worker passed over a message: {reason}", detail=line))
            case protocol.Drawing():
                pass  # the priority is the worker's affair
            case protocol.Shutdown():
                self._close()
            case _ if self._open is not None:
                self._act(self._open, message)
            case _ if self._refused is not None:
                self._try_again(self._refused, message)
            case _:
                raise PartialSegError(
                    f"The worker has no orthophoto open, so it cannot act on {type(message).__name__}."
                )

    def _open_image(self, message: protocol.Open) -> None:
        self._close()
        self._refused = message
        self._tell.say("starting", "opening the orthophoto")
        self._open = work = OpenWork(message, self._threads)
        self._refused = None
        self._mode, self._whole, self._halted = Mode.STOPPED, False, False
        self._map = Mapping(work.image.shape, work.config.predict.block)
        self._begin(work)
        self._look(work)
        self._tell.opened(work)

    def _try_again(self, refused: protocol.Open, message: protocol.Message) -> None:
        """Open what could not be opened, when the person presses Train or starts afresh."""
        match message:
            case protocol.StartAfresh(config=config):
                from_plain(WorkConfig, config)  # before anything is moved
                keep_former(Path(refused.weights))
                self._handle(replace(refused, config=config))
            case protocol.Train():
                self._handle(refused)
                self._handle(message)
            case _:
                raise PartialSegError(
                    f"The worker has no orthophoto open, so it cannot act on {type(message).__name__}: opening "
                    f"{refused.image} failed. Press Train to try again, or start afresh."
                )

    def _act(self, work: OpenWork, message: protocol.Message) -> None:
        match message:
            case protocol.LabelsChanged():
                regions = work.absorb(message.regions)
                self._map.labels_changed(regions, message.revision, work.learner.step_count)
                if self._mode is Mode.STOPPED and not self._halted and work.at_once:
                    self._mode = Mode.TRAINING  # a map costs nothing: there is no need to ask for it
            case protocol.ViewChanged():
                self._map.schedule.set_view(message.region.clipped(work.image.shape), message.pixels_per_dot)
                self._look(work)
            case protocol.SetClasses():
                work.set_scheme(scheme_of(message.classes))
            case protocol.Train():
                self._mode, self._whole, self._halted = Mode.TRAINING, False, False
                self._tell.say_anew()
                work.learner.labels_arrived()
            case protocol.Pause():
                self._halt(work, Mode.PAUSED, message)
            case protocol.Stop():
                self._halt(work, Mode.STOPPED, message)
            case protocol.StartAfresh():
                self._start_afresh(work, message)
            case protocol.PredictAll():
                self._want_whole(work)
            case protocol.Save():
                self._saver.save(work, complete=False, always=True, about="Save")

    def _look(self, work: OpenWork) -> None:
        schedule = self._map.schedule
        work.learner.look_at(schedule.view_level, schedule.view)

    def _halt(self, work: OpenWork, mode: Mode, message: protocol.Message) -> None:
        self._mode, self._whole, self._halted = mode, False, True
        if work.learner.step_count:
            self._begin_pass(work)
        self._saver.save(work, complete=False, about=type(message).__name__)

    def _start_afresh(self, work: OpenWork, message: protocol.StartAfresh) -> None:
        config = from_plain(WorkConfig, message.config)  # before anything is moved
        keep_former(work.weights)
        work.restart(config)
        self._map.use_block(config.predict.block)
        self._look(work)
        self._begin(work)
        self._tell.opened(work)

    def _want_whole(self, work: OpenWork) -> None:
        if work.learner.step_count == 0:
            raise PartialSegError("There is nothing to predict with yet: draw some labels and press Train first.")
        self._whole = True
        self._begin_pass(work)

    # ---------------------------------------------------------------------------------------------------- work

    def work(self) -> bool:
        """Do one slice of work; return False when there is nothing to do until a message comes."""
        work = self._open
        if work is None:
            return False
        if work.governor is not None:
            work.governor.look()
        try:
            busy = self._slice(work)
        except (MemoryError, RuntimeError) as error:
            if not ran_out(error):
                raise
            self._tell.problem(do_with_less(work, self._map, error), error)
            busy = True
        self._saver.save_at_times(work)
        self._tell.notes(work)
        return busy

    def held_up(self) -> None:
        """Say that a problem ended the last slice; the next one says what goes on then."""
        self._tell.say("waiting", "held up by a problem; press Train to try again")

    def _slice(self, work: OpenWork) -> bool:
        """Do what is next; return whether there is more.

        1. The whole map was asked for: predict it, with the weights of when it was asked for.
        2. Training, and too few labels: wait for them.
        3. Training, and labels that are not learnt yet: a block of the map, where its turn has come, and a step.
        4. Otherwise the network rests: the view, then the rest of the image at full resolution; then nothing.
        """
        training = self._mode is Mode.TRAINING
        if self._whole:
            return self._predict_everything(work)
        if training and not work.learner.ready:
            self._tell.say("waiting", work.why_waiting())
            return self._watched and work.learner.warm()
        if training and work.learner.steps_since_labels < self._rest_steps:
            self._tell.say("training", "training")
            self._train_and_predict(work)
            return True
        return self._idle(work)

    def _begin_pass(self, work: OpenWork) -> None:
        self._map.begin_pass(work.learner)
        self._pace.pass_started()

    def _train_and_predict(self, work: OpenWork) -> None:
        if self._watched and self._pace.may_predict():
            self._predict_in_view(work)
        started = time.monotonic()
        if work.learner.step(self._interrupted):
            self._pace.trained(time.monotonic() - started)
        schedule = self._map.schedule
        self._report(work, schedule.count(schedule.view_level, beyond_view=False))

    def _predict_in_view(self, work: OpenWork) -> None:
        if self._map.is_due(work.learner):
            self._begin_pass(work)
        current, schedule = self._map.current, self._map.schedule
        job = schedule.next(schedule.view_level, beyond_view=True) if current else None
        if current is not None and job is not None and current.predictor.can(job.level):
            started = time.monotonic()
            self._predict(work, current, job)
            self._pace.predicted(time.monotonic() - started, in_view=schedule.in_view(job.region))

    def _idle(self, work: OpenWork) -> bool:
        rests = self._mode is Mode.TRAINING
        if work.learner.step_count == 0:
            ready = "ready: press Train" if work.learner.ready else f"draw strokes of two classes{self._then(work)}"
            self._tell.say("waiting" if rests else self._mode.value, work.why_waiting() if rests else ready)
            return self._watched and work.learner.warm()
        if self._mode is Mode.STOPPED:
            # Before the first pass the map in view, if any, is the one that was kept: none of its blocks is to be done.
            blocks = self._map.schedule.count(0, beyond_view=True) if self._map.current else (0, 0)
            self._report(work, blocks, last=True)
            self._tell.say("stopped", "stopped: press Train to go on")
            return False
        if not self._map.knows(work.learner):
            self._begin_pass(work)
        if self._next_job(work, view_first=True):
            self._tell.say("resting" if rests else "paused", "predicting the rest of the image")
            return True
        if not self._map.complete:
            self._map.completed()
            self._saver.save(work, complete=True)
        text = "learnt these labels; waiting for new ones" if rests else "paused"
        self._tell.say("resting" if rests else "paused", text)
        return False

    def _then(self, work: OpenWork) -> str:
        return "" if work.at_once and not self._halted else ", then press Train"

    def _predict_everything(self, work: OpenWork) -> bool:
        self._tell.say("predicting", "predicting the whole image")
        if self._map.current is None:  # memory ran out, and the blocks are smaller now
            self._begin_pass(work)
        if not self._next_job(work, view_first=False):
            self._whole = False
            self._map.completed()
            self._saver.save(work, complete=True, always=True, about="PredictAll")
        return True

    def _next_job(self, work: OpenWork, *, view_first: bool) -> bool:
        """Predict one job at full resolution, or first, at the resolution of the view, what is in view."""
        current, schedule = self._map.current, self._map.schedule
        job = self._following([], view_first=view_first)
        if job is None or current is None:
            self._report(work, schedule.count(0, beyond_view=True), last=True)
            return False
        if not current.predictor.settled(job.level):
            self._prepare(work, job.level)
            return True
        known = [job]
        for _ in range(_AHEAD):
            after = self._following(known, view_first=view_first)
            if after is None:
                break
            known.append(after)
            current.predictor.ahead(after.level, after.region.shrunk(1 << after.level))
        self._predict(work, current, job)
        self._report(work, schedule.count(0, beyond_view=True))
        return True

    def _following(self, known: list[TileJob], *, view_first: bool) -> TileJob | None:
        """Return what comes after jobs that are known, the view at its resolution first where that is wanted."""
        schedule = self._map.schedule
        job = schedule.next(schedule.view_level, beyond_view=False, after=known) if view_first else None
        return job or schedule.next(0, beyond_view=True, after=known)

    def _prepare(self, work: OpenWork, level: int) -> None:
        """Do a slice of what is missing for a resolution; where the pass is of before, begin another."""
        current = self._map.current
        if work.learner.prepare(level) or current is None or current.predictor.settled(level):
            return
        self._begin_pass(work)
        if self._map.current is not None and not self._map.current.predictor.settled(level):
            self._whole = False
            raise PartialSegError(f"The rest of the image cannot be predicted: {work.why_waiting()}.")

    def _predict(self, work: OpenWork, current: Pass, job: TileJob) -> None:
        tiles = predict_job(work, current, job)
        self._map.schedule.done(job)
        self._tell.emit(tiles)

    def _report(self, work: OpenWork, blocks: tuple[int, int], *, last: bool = False) -> None:
        self._tell.progress(work, self._map, self._pace, blocks, last=last)

    def _close(self) -> None:
        if self._open is not None:
            self._saver.save(self._open, complete=False)
            self._open.ortho.close()
            self._open = None
