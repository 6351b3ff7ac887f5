"""Jobs off the viewer's thread: they answer on it, and say no more once cancelled."""

from __future__ import annotations

import threading
import traceback

import pytest

from annotations.errors import RasterError
from napari_partialseg.job import Job


@pytest.fixture(autouse=True)
def screen(display, qapp):
    """Qt's signals need an application."""


class Told:
    """What a job says, and on which thread."""

    def __init__(self, job):
        self.heard = []
        for name in ("progress", "done", "failed"):
            getattr(job, name).connect(lambda value, name=name: self._hear(name, value))

    def _hear(self, name, value):
        self.heard.append((name, value, threading.current_thread() is threading.main_thread()))


def test_a_job_runs_elsewhere_and_answers_here(qtbot):
    def work(progress, cancelled):
        progress(0.5)
        return threading.current_thread() is threading.main_thread(), cancelled()

    job = Job(work)
    told = Told(job)
    with qtbot.waitSignal(job.done):
        job.start()
    qtbot.waitUntil(lambda: len(told.heard) == 2)
    assert told.heard == [("progress", 0.5, True), ("done", (False, False), True)]
    assert job.wait(5)


def test_an_error_for_people_is_handed_on_as_it_stands(qtbot):
    def work(progress, cancelled):
        raise RasterError("field.tif: cut off. Copy it again.")

    job = Job(work)
    with qtbot.waitSignal(job.failed) as caught:
        job.start()
    assert caught.args == ["field.tif: cut off. Copy it again."]


def test_an_unexpected_error_is_one_line_and_kept(qtbot):
    def work(progress, cancelled):
        return {}["nothing"]

    job = Job(work)
    with qtbot.waitSignal(job.failed) as caught:
        job.start()
    assert caught.args == ["Unexpected error: KeyError: 'nothing'"]
    assert isinstance(job.error, KeyError)
    assert [frame.name for frame in traceback.extract_tb(job.error.__traceback__)][-1] == "work"


@pytest.mark.parametrize("fails", [False, True])
def test_a_cancelled_job_says_no_more(qtbot, fails):
    begun = threading.Event()
    goes_on = threading.Event()
    seen = []

    def work(progress, cancelled):
        begun.set()
        assert goes_on.wait(10)
        seen.append(cancelled())
        if fails:
            raise RasterError("too late")
        return 1

    job = Job(work)
    told = Told(job)
    job.start()
    assert begun.wait(10)
    assert not job.wait(0)
    job.cancel()
    goes_on.set()
    assert job.wait(10)
    # Whatever it had said would have been queued by now, before this.
    last = Job(lambda **tools: None)
    with qtbot.waitSignal(last.done):
        last.start()
    assert seen == [True]
    assert told.heard == []


def test_what_comes_too_late_is_given_back():
    begun, goes_on, given_back = threading.Event(), threading.Event(), []

    def work(progress, cancelled):
        begun.set()
        assert goes_on.wait(10)
        return "a lock"

    job = Job(work, dropped=given_back.append).start()
    assert begun.wait(10)
    job.cancel()
    goes_on.set()
    assert job.wait(10)
    assert given_back == ["a lock"]
