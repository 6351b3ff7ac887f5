"""The head on pretrained features in the worker: a map at once, without training, and back again from disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from live_helpers import CONFIG, SHAPE, make_work

from annotations.classes import ClassScheme
from annotations.errors import PartialSegError
from annotations.prediction.cells import mean_of_cells, middle_of_cells
from annotations.prediction.doubt import Doubt
from annotations.prediction.kept_doubt import load_doubt
from annotations.prediction.shared_array import SharedArray
from annotations.region import Region
from trainer import protocol
from trainer.checkpoint import load_checkpoint
from trainer.config import LiveConfig, WorkConfig, to_plain
from trainer.head import features, labelled_features
from trainer.head import learner as head_learner
from trainer.predict.command import Predict, make_map
from trainer.worker import schedule
from trainer.worker.session import LiveSession

HEAD = to_plain(WorkConfig(predict=CONFIG.predict))


class Worker:
    """A session, and what it says."""

    def __init__(self, work, config=HEAD):
        self.work = work
        self.said = []
        self.session = LiveSession(self.said.append)
        self.session.handle(replace(work.message, config=config))

    def draw(self, rows, columns, label, revision=1):
        self.session.handle(protocol.LabelsChanged((self.work.draw(rows, columns, label),), revision))

    def three_strokes(self):
        for label in range(3):
            self.draw((20, 60), (100 * label + 20, 100 * label + 60), label, label + 1)

    def rest(self, most=400):
        for _ in range(most):
            if not self.session.work():
                return
        raise AssertionError("it does not come to rest")

    def of(self, kind):
        return [m for m in self.said if isinstance(m, kind)]

    def agreement(self):
        return (self.work.prediction() == self.work.truth).mean()


@pytest.fixture
def work(tmp_path):
    return make_work(tmp_path)


def test_a_map_comes_without_a_word(work):
    worker = Worker(work)
    opened = worker.of(protocol.Opened)[0]
    assert (opened.model, opened.start, opened.step) == ("Linear head on pretrained features", "", 0)
    worker.three_strokes()
    worker.rest()
    assert worker.agreement() > 0.9
    assert [m for m in worker.of(protocol.Saved) if m.complete]
    assert not worker.of(protocol.Problem)


def test_one_class_is_not_a_map(work):
    worker = Worker(work)
    worker.draw((20, 60), (20, 60), 0)
    worker.rest()
    assert not worker.of(protocol.Tiles)
    assert worker.of(protocol.Status)[-1].text.startswith("waiting for a second class")


def test_once_stopped_strokes_wait_for_train(work):
    worker = Worker(work)
    worker.three_strokes()
    worker.rest()
    worker.session.handle(protocol.Stop())
    worker.rest()
    before = work.prediction()
    worker.draw((120, 180), (20, 90), 2, 9)
    worker.rest()
    assert (work.prediction() == before).all()
    worker.session.handle(protocol.Train())
    worker.rest()
    assert (work.prediction() != before).any()


def test_the_view_comes_first_and_at_its_resolution(tmp_path):
    work = make_work(tmp_path)
    worker = Worker(work)
    worker.session.handle(protocol.ViewChanged(Region(130, 260, 30, 30), 1.0))
    worker.three_strokes()
    worker.rest()
    first = worker.of(protocol.Tiles)[0].tiles[0]
    assert first.region.intersection(Region(130, 260, 30, 30)).height
    assert {tile.revision for m in worker.of(protocol.Tiles) for tile in m.tiles} == {3}


def test_what_was_learnt_is_there_again(work):
    worker = Worker(work)
    worker.three_strokes()
    worker.rest()
    step = worker.session.snapshot().step
    worker.session.handle(protocol.Shutdown())
    made = work.prediction()
    path = work.folder / "weights" / "best_model.pth"
    assert load_checkpoint(path).model.name == "hypercolumn"
    again = Worker(work)
    assert again.of(protocol.Opened)[0].step == step
    again.session.handle(protocol.PredictAll())
    again.rest()
    assert (work.prediction() == made).mean() > 0.999


def test_the_command_makes_the_map_that_was_shown(work):
    worker = Worker(work)
    worker.three_strokes()
    worker.rest()
    worker.session.handle(protocol.Shutdown())
    target = work.folder / "map.tif"
    make_map(Predict(work.folder / "weights" / "best_model.pth", work.folder / "field.tif", target))
    with rasterio.open(target) as source:
        assert (source.read(1) == work.prediction()).mean() > 0.999


def test_a_network_that_was_trained_before_goes_on(work):
    trained = Worker(work, to_plain(CONFIG))
    trained.three_strokes()
    trained.session.handle(protocol.Train())
    for _ in range(60):
        trained.session.work()
    trained.session.handle(protocol.Shutdown())
    step = trained.of(protocol.Saved)[-1].step
    # An earlier version's project says nothing of a head.
    config = {key: value for key, value in to_plain(CONFIG).items() if key != "head"}
    config["live"] = {key: value for key, value in config["live"].items() if key != "method"}
    again = Worker(work, config)
    assert again.of(protocol.Opened)[0].step == step
    assert again.of(protocol.Opened)[0].model == "UNet, width 4"
    again.session.handle(protocol.StartAfresh(HEAD))
    assert again.of(protocol.Opened)[-1].step == 0
    again.three_strokes()
    again.rest()
    assert again.agreement() > 0.9
    assert list((work.folder / "weights").glob("before_*.pth"))


def test_choosing_a_network_keeps_the_head_that_was_saved(work):
    worker = Worker(work)
    worker.three_strokes()
    worker.rest()
    worker.session.handle(protocol.Shutdown())
    again = Worker(work, to_plain(CONFIG))
    assert again.of(protocol.Opened)[0].step == 0
    assert "linear head on pretrained features" in again.of(protocol.Problem)[0].text
    assert list((work.folder / "weights").glob("before_*.pth"))


def test_a_network_cannot_start_from_a_head(work):
    worker = Worker(work)
    worker.three_strokes()
    worker.rest()
    worker.session.handle(protocol.Shutdown())
    path = work.folder / "weights" / "best_model.pth"
    kept = path.rename(work.folder / "head.pth")
    config = replace(CONFIG, live=LiveConfig("network", start=str(kept), crop=32, batch_size=4))
    said = []
    session = LiveSession(said.append)
    with pytest.raises(Exception, match=r"head.pth: is a linear head .* cannot start from"):
        session.handle(replace(work.message, config=to_plain(config)))


def test_classes_may_be_added_while_it_learns(work):
    worker = Worker(work)
    worker.three_strokes()
    worker.rest()
    classes = [*work.message.classes, {"name": "sand", "colour": "#ffffff", "key": ""}]
    work.mask.set_scheme(ClassScheme.from_json(classes))
    worker.session.handle(protocol.SetClasses(classes))
    worker.rest()
    assert worker.agreement() > 0.9
    worker.draw((120, 180), (20, 80), 3, 4)
    worker.rest()
    assert (work.prediction() == 3).any()


def test_pixels_without_data_are_left_out(tmp_path):
    work = make_work(tmp_path, nodata_rows=90)
    worker = Worker(work)
    for label in range(3):
        worker.draw((120, 170), (100 * label + 20, 100 * label + 60), label, label + 1)
    worker.rest()
    made = work.prediction()
    assert (made[:90] == 255).all()
    assert (made[90:] == work.truth[90:]).mean() > 0.85
    assert made.shape == SHAPE


def test_memory_that_runs_out_is_told_and_labels_stay(work, monkeypatch):
    worker = Worker(work)

    def full(*_):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr("trainer.head.features.FeatureSource.compute", full)
    worker.three_strokes()
    with pytest.raises(Exception, match="Memory ran out"):
        worker.rest()
    monkeypatch.undo()
    worker.session.handle(protocol.Train())
    worker.rest()
    assert worker.agreement() > 0.9
    assert np.array_equal(np.unique(work.prediction()), [0, 1, 2])


def test_labels_that_are_gone_end_in_a_word_and_not_in_a_loop(work):
    worker = Worker(work)
    worker.three_strokes()
    worker.rest()
    worker.session.handle(protocol.Shutdown())
    for label in (1, 2):
        work.draw((20, 60), (100 * label + 20, 100 * label + 60), -1)
    again = Worker(work)
    again.session.handle(protocol.PredictAll())
    with pytest.raises(PartialSegError, match="cannot be predicted: waiting for a second class"):
        again.rest()
    again.rest()
    again.draw((20, 60), (120, 160), 1, 2)
    again.session.handle(protocol.Train())
    again.rest()
    assert set(np.unique(work.prediction())) == {0, 1}


def test_the_doubt_comes_with_the_map_and_is_kept(work):
    folder = Path(work.message.keep)
    doubt = Doubt.create(folder / "doubt.u8", SHAPE)
    work.message = replace(work.message, doubt=str(folder / "doubt.u8"))
    worker = Worker(work)
    worker.three_strokes()
    worker.rest()
    shown, sure = middle_of_cells(work.prediction()), SharedArray.open(work.message.confidence, SHAPE).array
    assert (doubt.runner_up < 3).all()
    assert (doubt.runner_up != shown).all()
    # of three classes: 1 - p1 <= 1 - (p1 - p2) <= 2 (1 - p1)
    lost = 255 - mean_of_cells(sure).astype(int)
    assert (doubt.margin >= lost - 2).all()
    assert (doubt.margin <= 2 * lost + 3).all()
    again = Doubt.nothing(SHAPE)
    assert load_doubt(folder, again, SHAPE)
    assert (again.margin == doubt.margin).all()
    assert (again.runner_up == doubt.runner_up).all()


@pytest.fixture
def many_windows(monkeypatch):
    """Let the small image consist of many windows, and a first guess be made of two of them."""
    for module in (features, labelled_features):
        monkeypatch.setattr(module, "WINDOW", 64)
    monkeypatch.setattr(head_learner, "_EARLY_WINDOWS", 2)
    monkeypatch.setattr(schedule, "level_for", lambda dots, shape: int(dots > 1))  # also of so small an image


def _scattered(worker, seed=0, revision=1):
    """Draw contradicting labels all over the image, so that each of them moves the map."""
    rng = np.random.default_rng(seed)
    for number in range(24):
        row, column = int(rng.integers(0, SHAPE[0] - 8)), int(rng.integers(0, SHAPE[1] - 12))
        worker.draw((row, row + 8), (column, column + 12), int(rng.integers(3)), revision + number)


@pytest.mark.parametrize("dots", [1.0, 2.0])
def test_the_same_labels_give_the_same_map_whatever_came_before(tmp_path, many_windows, dots):
    maps = []
    for name in ("straight", "detour"):
        (tmp_path / name).mkdir()
        work = make_work(tmp_path / name)
        worker = Worker(work)
        worker.session.handle(protocol.ViewChanged(Region.whole(SHAPE), dots))
        _scattered(worker)
        if name == "detour":
            worker.rest()
            before = work.mask.read(Region.whole(SHAPE))
            worker.draw((0, 200), (0, 300), 1, 100)
            worker.rest()
            work.mask.write(Region.whole(SHAPE), before)
            worker.session.handle(protocol.LabelsChanged((Region.whole(SHAPE),), 101))
        worker.rest()
        assert not worker.of(protocol.Problem)
        maps.append(work.prediction())
    assert (maps[0] == maps[1]).all()


def test_a_guess_is_shown_and_never_stays(tmp_path, many_windows):
    work = make_work(tmp_path)
    worker = Worker(work)
    worker.session.handle(protocol.ViewChanged(Region.whole(SHAPE), 1.0))
    _scattered(worker)
    worker.rest()
    steps = {tile.step for m in worker.of(protocol.Tiles) for tile in m.tiles}
    assert len(steps) == 2  # the guess, then what all labels say
    (tmp_path / "again").mkdir()
    other = make_work(tmp_path / "again")
    at_once = Worker(other)
    at_once.session.handle(protocol.ViewChanged(Region(0, 0, 20, 20), 4.0))
    _scattered(at_once)
    at_once.session.work()  # the view moves while it is being fitted
    at_once.session.handle(protocol.ViewChanged(Region.whole(SHAPE), 1.0))
    at_once.session.work()
    at_once.session.handle(protocol.ViewChanged(Region.whole(SHAPE), 2.0))
    at_once.rest()
    assert not at_once.of(protocol.Problem)
    assert (work.prediction() == other.prediction()).all()


def test_paused_while_there_is_but_a_guess_the_map_is_that_of_all_labels(tmp_path, many_windows):
    work = make_work(tmp_path)
    worker = Worker(work)
    worker.session.handle(protocol.ViewChanged(Region.whole(SHAPE), 1.0))
    _scattered(worker)
    while not worker.of(protocol.Tiles):
        assert worker.session.work()
    worker.session.handle(protocol.Pause())
    worker.rest()
    worker.session.handle(protocol.Train())
    paused = work.prediction()
    worker.rest()
    assert (paused == work.prediction()).all()
