"""What the worker made is drawn where it is looked at, and elsewhere at the latest when somebody looks there."""

from __future__ import annotations

import numpy as np
import pytest

from annotations.region import Region
from trainer.protocol import Tile, Tiles

_LEFT, _RIGHT = Region(0, 0, 40, 40), Region(90, 200, 40, 40)


@pytest.fixture
def looked_at(scene, orthophoto, tmp_path):
    """A session that shows the upper left corner of its image, and the offsets at which anything was drawn."""
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    drawn = []
    session = widget.session
    session.layers.prediction.events.labels_update.connect(lambda event: drawn.append(tuple(event.offset)))
    _look_at(session, _LEFT)
    return session, drawn


def _look_at(session, region):
    scale = np.array(session.layers.prediction.scale[-2:])
    camera = session.viewer.scene.camera
    camera.zoom = 40 / scale[0]
    camera.center = (0, *(scale * (region.top + region.height / 2, region.left + region.width / 2)))


def _tiles(*regions):
    return Tiles(tuple(Tile(region, 1, 1) for region in regions))


def test_what_is_in_view_is_drawn_at_once_and_the_rest_when_it_is_looked_at(looked_at, qtbot):
    session, drawn = looked_at
    assert session.watch.view.region().intersection(_RIGHT).empty
    session.watch.tiles.add(_tiles(_LEFT, _RIGHT))
    qtbot.waitUntil(lambda: (0, 0) in drawn, timeout=5000)
    assert (_RIGHT.top, _RIGHT.left) not in drawn
    _look_at(session, _RIGHT)
    qtbot.waitUntil(lambda: (_RIGHT.top, _RIGHT.left) in drawn, timeout=3000)


def test_what_nobody_looks_at_is_drawn_after_a_while(looked_at, qtbot):
    session, drawn = looked_at
    session.watch.tiles.add(_tiles(_RIGHT))
    qtbot.waitUntil(lambda: bool(drawn), timeout=20000)
    assert drawn == [(_RIGHT.top, _RIGHT.left)]


def test_what_came_while_the_map_was_hidden_is_drawn_with_it(looked_at, qtbot):
    session, drawn = looked_at
    session.layers.prediction.visible = False
    session.watch.tiles.add(_tiles(_LEFT))
    session.watch.tiles.draw()
    assert not drawn
    refreshed = []
    session.layers.prediction.events.set_data.connect(refreshed.append)
    session.layers.prediction.visible = True
    assert refreshed
