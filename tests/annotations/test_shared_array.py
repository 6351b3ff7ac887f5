"""Two processes' view of one file."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from annotations.errors import PartialSegError
from annotations.shared_array import SharedArray


def test_what_one_writes_the_other_sees(tmp_path):
    first = SharedArray.create(tmp_path / "a" / "x.u8", (700, 30), 255)
    second = SharedArray.open(tmp_path / "a" / "x.u8", (700, 30))
    assert (np.asarray(second.array) == 255).all()
    first.array[10:20, 3] = 7
    assert (second.array[10:20, 3] == 7).all()


def test_the_file_is_allocated_in_full(tmp_path):
    SharedArray.create(tmp_path / "x.u8", (1000, 1000), 0)
    assert os.stat(tmp_path / "x.u8").st_blocks * 512 >= 1_000_000


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(PartialSegError, match=r"x\.u8.*disk is full.*1 MB"):
        SharedArray.create(tmp_path / "x.u8", (1000, 1000), 0)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_size_is_refused(tmp_path):
    SharedArray.create(tmp_path / "x.u8", (10, 10), 0)
    with pytest.raises(PartialSegError, match="not a shared array"):
        SharedArray.open(tmp_path / "x.u8", (10, 11))
