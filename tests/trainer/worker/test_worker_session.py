"""The worker's work, driven message by message without a process."""

from __future__ import annotations

import errno
import itertools
import threading
from typing import ClassVar

import numpy as np
import pytest
import torch
import zarr
from live_helpers import CONFIG, SCHEME, SHAPE, make_work

from annotations.errors import PartialSegError
from annotations.prediction import kept_map as kept
from annotations.region import Region
from trainer import protocol
from trainer.config import to_plain
from trainer.worker import files as live_files
from trainer.worker import process as worker_process
from trainer.worker import session as live_session
from trainer.worker.session import LiveSession


class Driver:
    def __init__(self, work):
        self.work = work
        self.sent = []
        self.session = LiveSession(self.sent.append)

    def handle(self, *messages):
        for message in messages:
            self.session.handle(message)

    def slices(self, number):
        for _ in range(number):
            if not self.session.work():
                break

    def of(self, kind):
        return [m for m in self.sent if isinstance(m, kind)]

    def train_until(self, step):
        for _ in range(20 * step):
            self.session.work()
            if self.session.snapshot().step >= step:
                return
        raise AssertionError("no progress")


@pytest.fixture
def work(tmp_path):
    return make_work(tmp_path)


@pytest.fixture
def driver(work):
    result = Driver(work)
    yield result
    result.handle(protocol.Shutdown())


def three_strokes(work):
    return (
        work.draw((20, 60), (20, 60), 0),
        work.draw((20, 60), (120, 160), 1),
        work.draw((20, 60), (220, 260), 2),
    )


def test_it_learns_from_strokes_and_predicts_the_whole_image(driver, work):
    driver.handle(work.message)
    assert driver.of(protocol.Opened)[0].device == "cpu"
    assert driver.of(protocol.Opened)[0].reason
    driver.handle(protocol.LabelsChanged(three_strokes(work), 3), protocol.Train())
    driver.train_until(60)
    driver.handle(protocol.Pause())
    driver.slices(50)
    shown = work.prediction()
    assert (shown == work.truth).mean() > 0.9
    tiles = [t for m in driver.of(protocol.Tiles) for t in m.tiles]
    assert {t.revision for t in tiles} == {3}
    assert all(a.step <= b.step for a, b in itertools.pairwise(tiles) if a.region == b.region)
    assert driver.of(protocol.Saved)[-1].complete
    assert (zarr.open_array(work.folder / "prediction.zarr", mode="r")[:] == shown).all()


@pytest.mark.parametrize("message", [protocol.Pause(), protocol.Stop()])
def test_the_last_report_comes_however_soon_after_the_one_before(driver, work, message):
    three_strokes(work)
    driver.handle(work.message, protocol.Train())
    driver.train_until(8)
    clock = driver.session._pace
    clock._report_at = float("inf")  # as if a report had just been made, whenever that is
    driver.handle(message)
    driver.slices(50)
    last = driver.of(protocol.Progress)[-1]
    schedule = driver.session._map.schedule
    assert (last.done, last.total) == schedule.count(0, beyond_view=True)
    assert last.step == driver.session.snapshot().step
    if isinstance(message, protocol.Pause):
        assert last.done == last.total > 1
        assert last.seconds_left is None
    told = len(driver.of(protocol.Progress))
    driver.slices(3)
    assert len(driver.of(protocol.Progress)) == told


def test_it_waits_for_a_second_class_and_says_so(driver, work):
    driver.handle(work.message, protocol.Train())
    assert driver.session.work() is False
    assert "draw a few strokes" in driver.of(protocol.Status)[-1].text
    driver.handle(protocol.LabelsChanged((work.draw((0, 20), (0, 20), 0),), 1))
    assert driver.session.work() is False
    assert "only field" in driver.of(protocol.Status)[-1].text
    driver.handle(protocol.LabelsChanged((work.draw((0, 20), (120, 140), 1),), 2))
    assert driver.session.work() is True
    assert driver.of(protocol.Status)[-1].state == "training"


def test_new_strokes_are_absorbed_without_a_restart(driver, work):
    strokes = three_strokes(work)
    driver.handle(work.message, protocol.Train())
    driver.train_until(5)
    before = driver.session.learner
    region = work.draw((100, 140), (20, 60), 0)
    driver.handle(protocol.LabelsChanged((region,), 9))
    driver.train_until(10)
    assert driver.session.learner is before
    assert driver.session.snapshot().labelled == (2 * 1600, 1600, 1600)
    assert strokes


def test_erased_labels_are_untaught(driver, work):
    three_strokes(work)
    driver.handle(work.message)
    driver.handle(protocol.LabelsChanged((work.draw((20, 60), (220, 260), -1),), 1))
    assert driver.session.snapshot().labelled == (1600, 1600, 0)


def test_it_goes_on_from_its_checkpoint(work):
    three_strokes(work)
    first = Driver(work)
    first.handle(work.message, protocol.Train())
    first.train_until(30)
    first.handle(protocol.Shutdown())
    second = Driver(work)
    second.handle(work.message)
    assert second.of(protocol.Opened)[0].step == 30
    before = first.of(protocol.Saved)[-1]
    assert before.step == 30
    second.handle(protocol.PredictAll())
    second.slices(50)
    assert second.of(protocol.Saved)[-1].complete
    assert (work.prediction() == work.truth).mean() > 0.7
    second.handle(protocol.Shutdown())


def test_opened_again_the_kept_map_is_not_called_unfinished(driver, work):
    driver.handle(work.message)
    driver.handle(protocol.LabelsChanged(three_strokes(work), 1), protocol.Train())
    driver.train_until(3)
    driver.handle(protocol.Pause())
    driver.slices(50)
    assert driver.of(protocol.Saved)[-1].complete
    driver.handle(protocol.Shutdown())
    again = Driver(work)
    again.handle(work.message)
    again.slices(3)
    last = again.of(protocol.Progress)[-1]
    assert (last.step, last.done, last.total) == (3, 0, 0)
    again.handle(protocol.Shutdown())


def test_the_checkpoint_loads_with_torchs_defaults(driver, work):
    three_strokes(work)
    driver.handle(work.message, protocol.Train())
    driver.train_until(3)
    driver.handle(protocol.Save())
    content = torch.load(work.folder / "weights" / "best_model.pth")
    assert isinstance(content, dict)
    assert torch.load(work.folder / "weights" / "resume.pth")["step"] == 3


def test_starting_afresh_keeps_the_old_weights(driver, work):
    three_strokes(work)
    driver.handle(work.message, protocol.Train())
    driver.train_until(4)
    driver.handle(protocol.Save(), protocol.StartAfresh(to_plain(CONFIG)))
    assert driver.session.snapshot().step == 0
    assert len(list((work.folder / "weights").glob("before_*.pth"))) == 1
    driver.train_until(3)  # it was training, and goes on


def test_pixels_without_data_are_neither_trained_on_nor_predicted(tmp_path):
    work = make_work(tmp_path, nodata_rows=40)
    three_strokes(work)
    driver = Driver(work)
    driver.handle(work.message)
    assert driver.session.snapshot().labelled == (800, 800, 800)
    driver.handle(protocol.Train())
    driver.train_until(10)
    driver.handle(protocol.Pause())
    driver.slices(50)
    assert (work.prediction()[:40] == 255).all()
    assert (work.prediction()[40:] != 255).all()
    driver.handle(protocol.Shutdown())


def test_a_full_disk_is_told_and_training_goes_on(driver, work, monkeypatch):
    three_strokes(work)
    driver.handle(work.message, protocol.Train())
    driver.train_until(3)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(live_files, "save_checkpoint", full)
        driver.handle(protocol.Save())
    assert "could not be saved (the disk is full)" in driver.of(protocol.Problem)[-1].text
    driver.train_until(6)
    driver.handle(protocol.Save())
    assert driver.of(protocol.Saved)[-1].step == 6


def test_after_a_problem_it_says_that_it_trains_again(driver, work, monkeypatch):
    class Inbox:
        """Waits once, after the problem; then the viewer tells of new labels, and of its end."""

        drawing = False
        closed = threading.Event()
        labels: ClassVar[list] = [protocol.LabelsChanged((), 2)]

        def get(self, *, block):
            if driver.session.snapshot().step > before:
                return protocol.Shutdown()
            return self.labels.pop() if block and failing else None

    class Outbox:
        send = driver.sent.append

    def fail(work):
        failing.append(True)
        monkeypatch.setattr(driver.session, "_train_and_predict", train)
        raise PartialSegError("rows 0 to 512 are damaged")

    driver.handle(work.message, protocol.LabelsChanged(three_strokes(work), 1), protocol.Train())
    driver.train_until(2)
    before, failing, train = driver.session.snapshot().step, [], driver.session._train_and_predict
    monkeypatch.setattr(driver.session, "_train_and_predict", fail)
    worker_process._run(driver.session, Inbox(), Outbox())
    assert [m.state for m in driver.of(protocol.Status)][-3:] == ["training", "waiting", "training"]


def test_running_out_of_memory_halves_the_batch_then_the_block(driver, work, monkeypatch):
    three_strokes(work)
    driver.handle(work.message, protocol.Train())
    learner = driver.session.learner
    calls = {"n": 0}
    real = learner._backward

    def scarce(images, targets, count):
        calls["n"] += 1
        if len(images) > 2:
            raise torch.OutOfMemoryError("no memory")
        return real(images, targets, count)

    monkeypatch.setattr(learner, "_backward", scarce)
    driver.train_until(2)
    assert learner.micro_batch == 2
    assert "2 crops at once" in driver.of(protocol.Problem)[0].text


def test_running_out_of_memory_leaves_no_gap_in_the_whole_map(driver, work, monkeypatch):
    driver.handle(work.message, protocol.LabelsChanged(three_strokes(work), 1), protocol.Train())
    driver.train_until(3)
    driver.handle(protocol.Stop(), protocol.PredictAll())
    real, failed = live_session.predict_job, []

    def predict_job(*arguments):
        if not failed:
            failed.append(True)
            raise MemoryError
        return real(*arguments)

    driver.session._map.use_block(256)
    driver.session._begin_pass(driver.session._open)
    driver.session.learner.micro_batch = 1  # no crops left to spare
    monkeypatch.setattr(live_session, "predict_job", predict_job)
    driver.slices(50)
    assert driver.of(protocol.Saved)[-1].complete
    assert (work.prediction() != 255).all()


def test_nobody_watching_the_map_is_made_at_rest(work):
    sent = []
    session = LiveSession(sent.append, rest_steps=20, watched=False)
    session.handle(work.message)
    session.handle(protocol.LabelsChanged(three_strokes(work), 1))
    session.handle(protocol.Train())
    while session.work():
        pass
    tiles = [t for m in sent if isinstance(m, protocol.Tiles) for t in m.tiles]
    assert {t.step for t in tiles} == {20}
    assert (work.prediction() != 255).all()
    assert kept.made_by(work.folder).step == 20
    session.handle(protocol.LabelsChanged((work.draw((90, 95), (20, 60), 0),), 2))
    session.work()
    session.handle(protocol.Save())
    assert kept.made_by(work.folder).step == 20  # nothing is shown of the new step yet
    session.handle(protocol.Pause())
    session.work()
    session.handle(protocol.Save())
    assert kept.made_by(work.folder) is None
    session.handle(protocol.Shutdown())


def test_an_action_before_opening_is_refused_in_words():
    session = LiveSession(lambda message: None)
    with pytest.raises(PartialSegError, match="no orthophoto"):
        session.handle(protocol.Train())


def test_predicting_before_training_is_refused_in_words(driver, work):
    driver.handle(work.message)
    with pytest.raises(PartialSegError, match="press Train"):
        driver.handle(protocol.PredictAll())
    assert driver.session.work() is False


def test_a_class_more_keeps_what_was_learnt(driver, work):
    three_strokes(work)
    driver.handle(work.message, protocol.Train())
    driver.train_until(30)
    more = [*SCHEME.to_json(), {"name": "vineyard", "colour": "#102030", "key": ""}]
    old = driver.session.learner.average.state_dict()
    first = next(iter(old.values())).clone()
    mask_path = work.folder / "labels.zarr"
    work.mask.set_scheme(type(SCHEME).from_json(more))
    driver.handle(protocol.SetClasses(more))
    learner = driver.session.learner
    assert torch.equal(next(iter(learner.average.state_dict().values())), first)
    assert learner.labels.counts.tolist() == [1600, 1600, 1600, 0]
    driver.train_until(32)
    assert mask_path.exists()


def test_only_the_view_is_predicted_before_the_rest(driver, work):
    three_strokes(work)
    driver.handle(work.message, protocol.ViewChanged(Region(130, 260, 60, 40)), protocol.Train())
    driver.train_until(40)
    first = driver.of(protocol.Tiles)[0].tiles[0]
    assert first.region.contains(Region(130, 260, 60, 40))
    assert np.prod(SHAPE) > first.region.height * first.region.width


def test_stroke_after_stroke_does_not_hold_up_the_map(driver, work):
    driver.handle(work.message, protocol.LabelsChanged(three_strokes(work), 1), protocol.Train())
    driver.train_until(20)
    for revision in range(2, 14):  # a stroke comes before each second step: never many steps without news
        driver.handle(protocol.LabelsChanged((work.draw((100, 104), (10 * revision, 10 * revision + 8), 0),), revision))
        driver.slices(2)
    answered = {t.revision for m in driver.of(protocol.Tiles) for t in m.tiles}
    assert len(answered & set(range(2, 14))) >= 2
