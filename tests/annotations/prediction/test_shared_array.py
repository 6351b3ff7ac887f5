"""Two processes' view of one file."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from annotations.errors import PartialSegError
from annotations.prediction.shared_array import SharedArray


def test_what_one_writes_the_other_sees(tmp_path):
    first = SharedArray.create(tmp_path / "a" / "x.u8", (700, 30), 255)
    second = SharedArray.open(tmp_path / "a" / "x.u8", (700, 30))
    assert (np.asarray(second.array) == 255).all()
    first.array[10:20, 3] = 7
    assert (second.array[10:20, 3] == 7).all()


def test_the_file_is_allocated_in_full(tmp_path):
    SharedArray.create(tmp_path / "x.u8", (1000, 1000), 0)
    assert os.stat(SharedArray.address(tmp_path / "x.u8")).st_blocks * 512 >= 1_000_000


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


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="files without a name need /proc")
@pytest.mark.parametrize("harm", ["truncate", "remove", "overwrite", "zeros"])
def test_nothing_that_happens_to_the_file_reaches_the_array(tmp_path, harm):
    path = tmp_path / "x.u8"
    first = SharedArray.create(path, (300, 40), 7)
    if harm == "truncate":
        os.truncate(path, 0)
    elif harm == "remove":
        path.unlink()
    elif harm == "overwrite":
        path.write_bytes(b'{"process": 1, "file": "../../x", "inode": [1, 2]}')
    else:
        path.write_bytes(b"\0" * path.stat().st_size)
    assert int(first.array.sum()) == 7 * 300 * 40
    second = SharedArray.open(path, (300, 40))
    second.array[5, 5] = 9
    assert first.array[5, 5] == 9
    # another process, told the address, sees the same
    code = (
        "import sys; from annotations.prediction.shared_array import SharedArray\n"
        "SharedArray.open(sys.argv[1], (300, 40)).array[6, 6] = 11"
    )
    subprocess.run([sys.executable, "-c", code, SharedArray.address(path)], check=True)
    assert first.array[6, 6] == 11


def test_another_process_opens_it_by_its_path(tmp_path):
    first = SharedArray.create(tmp_path / "x.u8", (300, 40), 7)
    code = (
        "import sys; from annotations.prediction.shared_array import SharedArray\n"
        "SharedArray.open(sys.argv[1], (300, 40)).array[6, 6] = 11"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.u8")], check=True)
    assert first.array[6, 6] == 11


def test_released_it_is_given_back_and_what_is_in_use_stays(tmp_path):
    path = tmp_path / "x.u8"
    first = SharedArray.create(path, (300, 40), 7)
    SharedArray.release(path)
    assert int(first.array.sum()) == 7 * 300 * 40
    with pytest.raises(PartialSegError, match="not a shared array"):
        SharedArray.open(path, (300, 40))
