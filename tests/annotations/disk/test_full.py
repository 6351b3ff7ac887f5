"""A full disk is told from other failures, whoever reports it."""

from __future__ import annotations

import errno

import pytest

from annotations.disk.full import disk_is_full, why_not_written


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_whoever_reports_it(number):
    system = OSError(number, "in another language")
    wrapped = RuntimeError("PytorchStreamWriter failed")
    wrapped.__context__ = system
    around = ValueError("codec")
    around.__cause__ = wrapped
    for error in (system, wrapped, around):
        assert disk_is_full(error)
        assert why_not_written(error) == "the disk is full"


def test_other_failures_keep_their_words():
    assert not disk_is_full(None)
    assert why_not_written(PermissionError(errno.EACCES, "Permission denied", "/a")) == "Permission denied"
    assert why_not_written(RuntimeError("bad \udcff name")) == "bad ? name"
    assert why_not_written(KeyError()) == "KeyError"


def test_errors_that_follow_each_other_in_a_circle_come_to_an_end():
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert not disk_is_full(one)
