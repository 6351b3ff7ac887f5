"""What a session says of itself: a frozen moment, true when it is taken."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest
from viewer_helpers import on_disk, stroke

from annotations.classes import LANDCOVER_AI
from annotations.region import Region
from napari_partialseg.session.worker_link import Learning
from trainer import protocol
from trainer.config import WorkConfig


@pytest.fixture
def widget(scene, orthophoto, tmp_path):
    return scene(orthophoto[0], folder=tmp_path / "p.partialseg")


def test_a_session_says_what_it_is(widget, orthophoto, tmp_path):
    now = widget.session.snapshot()
    assert (now.name, now.image, now.project) == ("field", orthophoto[0], tmp_path / "p.partialseg")
    assert (now.shape, now.bands, now.read_only, now.scheme) == ((192, 256), 3, False, LANDCOVER_AI)
    assert (now.counts, now.labelled, now.points, now.ignored) == ((0,) * 5, 0, 0, 0)
    assert (now.label, now.tool, now.learning, now.unsaved) == (0, "brush", Learning(), "")


def test_a_snapshot_stays_what_it_was(widget):
    before = widget.session.snapshot()
    stroke(widget, (10, 20), (30, 50), 2)
    on_disk(widget)
    widget.board.draw.choose("point")
    now = widget.session.snapshot()
    assert (before.labelled, before.label, before.tool) == (0, 0, "brush")
    assert (now.counts, now.label, now.tool) == ((0, 0, 200, 0, 0), 2, "point")
    with pytest.raises(FrozenInstanceError):
        now.tool = "brush"


def test_how_far_the_worker_is(widget, qtbot):
    client, worker = widget.client, widget.session.worker
    client.received.emit(protocol.Opened("cpu", "float32", "", 1, "UNet, width 16", 12))
    worker.train()
    client.received.emit(protocol.Status("training", "training"))
    client.received.emit(protocol.Progress(15, 0.5, 1.0, (1, 2), 3, 4, 20, None))
    stroke(widget, (10, 20), (30, 50), 2)
    qtbot.waitUntil(lambda: bool(client.of(protocol.LabelsChanged)))
    assert widget.session.snapshot().learning == Learning(wanted=True, step=15, revision=1, state="training")
    worker.pause()
    assert not widget.session.snapshot().learning.wanted
    assert isinstance(client.sent[-1], protocol.Pause)


def test_what_was_written_last_is_no_news_to_a_worker_that_has_something_else_open(widget):
    session, region = widget.session, Region(10, 30, 10, 20)
    session.labels.written.emit(region)
    assert [message.regions for message in widget.client.of(protocol.LabelsChanged)] == [(region,)]
    widget.client.sent.clear()
    widget.close_session()
    session.labels.written.emit(region)  # said by the writer's thread before, and handed on by Qt only now
    assert widget.client.sent == []


def test_what_was_under_way_is_of_what_was_open_before(widget):
    worker, tell, told = widget.session.worker, widget.client.received.emit, []
    for signal in (worker.tiles, worker.progress, worker.saved):
        signal.connect(told.append)
    beyond = protocol.Tiles((protocol.Tile(Region(1000, 1000, 256, 256), 7, 900, 0),))
    late = [beyond, protocol.Progress(901, 0.5, 1.0, (1, 2), 3, 4, 20, None), protocol.Saved("", 901, complete=True)]
    for message in late:
        tell(message)
    assert told == []
    assert worker.learning == Learning()
    tell(protocol.Opened("cpu", "float32", "", 1, "UNet, width 16", 0))
    for message in late:
        tell(message)
    assert told == late


def test_a_worker_that_died_opens_and_trains_again(widget):
    worker, client = widget.session.worker, widget.client
    worker.train()
    client.end()
    client.sent.clear()
    worker.open()
    assert [type(message) for message in client.sent] == [protocol.Open, protocol.ViewChanged, protocol.Train]


def test_another_configuration_is_kept_in_the_project(widget):
    worker = widget.session.worker
    wanted = replace(WorkConfig(), live=replace(WorkConfig().live, batch_size=3))
    worker.start_afresh(wanted)
    assert worker.config == wanted
    assert widget.session.opened_image.project.config["live"]["batch_size"] == 3
    assert len(widget.client.of(protocol.StartAfresh)) == 1
    assert widget.client.of(protocol.Train) == []  # it was not training
