"""The doubt about a map: cells of pixels, shared by two processes, kept, and found again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.prediction.cells import CELL, any_in_cells, cells_shape, mean_of_cells, middle_of_cells
from annotations.prediction.doubt import Doubt
from annotations.prediction.kept_doubt import KeptDoubt, load_doubt
from annotations.region import Region

SHAPE = (2500, 1030)


@given(height=st.integers(1, 30), width=st.integers(1, 30), cell=st.integers(1, 8), seed=st.integers(0, 99))
def test_cells_say_what_their_pixels_say(height, width, cell, seed):
    values = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    mean, middle, anything = (
        mean_of_cells(values, cell),
        middle_of_cells(values, cell),
        any_in_cells(values > 250, cell),
    )
    assert mean.shape == middle.shape == anything.shape == cells_shape((height, width), cell)
    for row in range(mean.shape[0]):
        for column in range(mean.shape[1]):
            block = values[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell]
            assert abs(mean[row, column] - block.mean()) <= 0.5
            assert middle[row, column] == block[min(cell // 2, len(block) - 1), min(cell // 2, block.shape[1] - 1)]
            assert anything[row, column] == (block > 250).any()


def test_what_one_writes_the_other_sees(tmp_path):
    one = Doubt.create(tmp_path / "doubt.u8", SHAPE)
    assert not one.known
    other = Doubt.open(tmp_path / "doubt.u8", SHAPE)
    part = Region(512, 512, 512, 518)  # to the right edge
    other.write(part, np.full(part.shape, 99, np.uint8), np.full(part.shape, 3, np.uint8))
    assert one.known
    cells = part.shrunk(CELL).slices
    assert (one.margin[cells] == 99).all()
    assert (one.runner_up[cells] == 3).all()
    assert (one.runner_up == 3).sum() == 128 * 130
    assert (one.margin > 0).sum() == 128 * 130


@pytest.fixture
def kept(tmp_path):
    """Return a folder with what was kept of a doubt, and the doubt."""
    doubt = Doubt.nothing(SHAPE)
    rng = np.random.default_rng(1)
    doubt.write(Region.whole(SHAPE), *rng.integers(0, 9, (2, *SHAPE)).astype(np.uint8))
    keeper = KeptDoubt(tmp_path, SHAPE)
    keeper.mark(Region(0, 0, 64, 64))
    keeper.save(doubt)
    return tmp_path, doubt


def test_it_is_kept(kept):
    folder, doubt = kept
    again = Doubt.nothing(SHAPE)
    assert load_doubt(folder, again, SHAPE)
    assert (again.margin == doubt.margin).all()
    assert (again.runner_up == doubt.runner_up).all()


def test_only_what_changed_is_written(kept):
    folder, doubt = kept
    doubt.margin[:] = 77
    keeper = KeptDoubt(folder, SHAPE)
    keeper.mark(Region(2048, 0, 10, 10))
    keeper.save(doubt)
    again = Doubt.nothing(SHAPE)
    assert load_doubt(folder, again, SHAPE)
    assert (again.margin[512:] == 77).all()
    assert (again.margin[:512] < 9).all()


def test_without_one_or_of_another_size_nothing_is_known(kept, tmp_path):
    other = Doubt.nothing((64, 64))
    assert not load_doubt(tmp_path, other, (64, 64))
    assert not load_doubt(tmp_path / "nowhere", other, (64, 64))
    assert not other.known


def test_a_damaged_one_is_made_anew_and_set_aside(kept):
    folder, doubt = kept
    (folder / "doubt.zarr" / "zarr.json").write_text("{")
    again = Doubt.nothing(SHAPE)
    assert not load_doubt(folder, again, SHAPE)
    keeper = KeptDoubt(folder, SHAPE)
    keeper.mark(Region(0, 0, 1, 1))
    keeper.save(doubt)
    assert load_doubt(folder, again, SHAPE)
    assert (again.margin == doubt.margin).all()
    assert any(path.name != "doubt.zarr" for path in folder.glob("doubt*"))


def test_a_damaged_chunk_is_nothing_known(kept):
    folder, _ = kept
    chunk = next(path for path in (folder / "doubt.zarr" / "c").rglob("*") if path.is_file())
    chunk.write_bytes(b"no chunk")
    again = Doubt.nothing(SHAPE)
    assert not load_doubt(folder, again, SHAPE)
    assert not again.known
