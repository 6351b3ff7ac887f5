"""A batch that is tried again after a failure: everything is in it once, and nothing of it is held on to."""

from __future__ import annotations

import gc
import json
import weakref

import numpy as np
import pytest
from kept_labels import SHAPE, opened

from annotations.region import Region
from annotations.store.chunk_writer import ChunkWriter
from annotations.store.parts import open_parts
from annotations.store.strokes import Stroke, StrokeLog
from annotations.store.submits import Submit, cut


@pytest.fixture
def parts(folder):
    store = opened(folder)[0]
    assert store.close()
    files = store._chunks._files
    return open_parts(files, writable=True, shape=SHAPE, notes=[])


def a_submit(parts, number, top, points=None):
    region = Region(top, 300, 4, 4)
    labels, numbers = np.full((4, 4), 2, np.int8), np.full((4, 4), number, np.uint32)
    return Submit(region, cut(region, labels, numbers, parts.mask), [Stroke(number, 2, "paint", 1.0)], points)


@pytest.mark.parametrize("failing", ["labels", "second stroke", "done"])
def test_strokes_are_in_their_file_once_however_often_a_batch_is_tried(parts, monkeypatch, failing):
    writer = ChunkWriter(parts)
    first, second = a_submit(parts, 10, 100), a_submit(parts, 11, 600, '[{"number":4},{"number":5},{"number":6}]')
    owner, name = {"labels": (parts.mask, "write"), "second stroke": (StrokeLog, "append")}.get(
        failing, (parts.saved, "done")
    )
    real, calls = getattr(owner, name), []

    def full(*arguments):
        calls.append(arguments)
        if failing != "second stroke" or len(calls) == 2:
            raise OSError(28, "No space left on device")
        return real(*arguments)

    for attempt in ([first], [first, second]) if failing != "second stroke" else ([first, second],):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, full)
            with pytest.raises(OSError, match="No space"):
                writer.write(attempt, lambda: False)
    writer.write([first, second], lambda: False)
    third = a_submit(parts, 12, 400)
    writer.write([third], lambda: False)
    reader, labels, numbers = opened(parts.files.folder, writable=False)
    lines = parts.files.strokes.read_text().splitlines()  # whoever reads them as strokes takes each number once
    assert [json.loads(line)["number"] for line in lines] == [7, 8, 9, 10, 11, 12]
    assert [numbers[top, 300] for top in (100, 600, 400)] == [10, 11, 12]
    assert [labels[top, 300] for top in (100, 600, 400)] == [2, 2, 2]
    assert [point["number"] for point in reader.points()] == [4, 5, 6]
    assert reader.notes == []
    assert writer.logged == 12


def test_what_is_written_is_let_go(parts):
    writer = ChunkWriter(parts)
    submit = a_submit(parts, 10, 100)
    copied = weakref.ref(submit.pieces[0].labels)
    writer.write([submit], lambda: False)
    del submit
    gc.collect()
    assert copied() is None
