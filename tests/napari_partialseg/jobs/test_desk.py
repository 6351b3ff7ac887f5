"""What serves a panel: a job's result reaches the session that it was begun for, or nobody."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from annotations.errors import RasterError
from napari_partialseg.job import Job
from napari_partialseg.jobs.desk import Desk

pytestmark = pytest.mark.usefixtures("display", "qapp")


class Reader(Desk):
    """Does what it is given, and keeps what comes of it."""

    def __init__(self):
        super().__init__()
        self.got = []

    def read(self, function):
        self._start(function, lambda session, result: self.got.append((session, result)))


@pytest.fixture
def reader(qtbot):
    made = Reader()
    made.set_session("the first")
    yield made
    made.set_session(None)


def wait_for_all_before(qtbot):
    """Whatever a job that has ended said is queued before what this one says."""
    last = Job(lambda **tools: None)
    with qtbot.waitSignal(last.done):
        last.start()


def test_a_result_comes_with_its_session(reader, qtbot):
    reader.read(lambda **tools: 7)
    qtbot.waitUntil(lambda: bool(reader.got))
    assert reader.got == [("the first", 7)]


def test_a_reason_is_told(reader, qtbot):
    def fails(**tools):
        raise RasterError("field.tif: cut off. Copy it again.")

    with qtbot.waitSignal(reader.failed) as caught:
        reader.read(fails)
    assert caught.args == ["field.tif: cut off. Copy it again."]
    assert reader.got == []


def test_what_comes_after_its_session_went_is_dropped(reader, qtbot):
    goes_on, stopped = threading.Event(), []

    def slow(progress, cancelled):
        assert goes_on.wait(10)
        stopped.append(cancelled())
        return 1

    reader.read(slow)
    reader.set_session("the second")
    goes_on.set()
    qtbot.waitUntil(lambda: stopped == [True])
    wait_for_all_before(qtbot)
    assert reader.got == []


@pytest.mark.parametrize("end", ["done", "failed", "dropped"])
def test_what_a_job_held_goes_with_it(reader, qtbot, end):
    class Copy:
        """Of a map."""

    goes_on, stopped, ended = threading.Event(), threading.Event(), []
    reader.failed.connect(ended.append)

    def begin():
        held = Copy()

        def work(**tools):
            assert goes_on.wait(10)
            if end == "failed":
                raise RasterError(f"{held}: cut off.")
            stopped.set()
            return id(held)

        reader.read(work)
        return weakref.ref(held)

    copy = begin()
    if end == "dropped":
        reader.set_session("the second")
    goes_on.set()
    qtbot.waitUntil(lambda: stopped.is_set() if end == "dropped" else bool(ended or reader.got))
    wait_for_all_before(qtbot)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    qtbot.waitUntil(lambda: copy() is None)


@pytest.mark.parametrize("fails", [False, True])
def test_of_two_at_once_the_first_is_not_for_the_session_after(reader, qtbot, fails):
    goes_on, stopped, told = threading.Event(), [], []
    reader.failed.connect(told.append)

    def slow(progress, cancelled):
        assert goes_on.wait(10)
        stopped.append(cancelled())
        if fails:
            raise RasterError("field.tif: cut off. Copy it again.")
        return 1

    reader.read(slow)
    reader.read(lambda **tools: 2)  # the first goes on all the same
    qtbot.waitUntil(lambda: bool(reader.got))
    reader.set_session("the second")
    goes_on.set()
    qtbot.waitUntil(lambda: stopped == [True])
    wait_for_all_before(qtbot)
    assert (reader.got, told) == ([("the first", 2)], [])
