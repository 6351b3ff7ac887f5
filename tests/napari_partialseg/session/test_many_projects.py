"""A day's work: many projects opened and closed in one viewer, with nothing left behind by any of them."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading

import psutil
import pytest
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication
from viewer_helpers import on_disk, stroke

# napari collects garbage at every layer that goes, two seconds a project: more of them where somebody asks.
_PROJECTS = int(os.environ.get("PARTIALSEG_PROJECTS", "8"))
_ALONE = "PARTIALSEG_ALONE"
_WARM_UP = max(3, _PROJECTS // 4)  # caches of napari, GDAL and zarr fill with the first ones


def settle():
    """Let go of what waits for the event loop or the collector."""
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QApplication.processEvents()
    gc.collect()


def held():
    """Return what the process holds: memory of its own in MB, open files, threads, child processes."""
    settle()
    process = psutil.Process()
    # zarr reads in a pool that grows to its bound when it happens to be busy; its threads are asyncio's.
    pooled = sum(thread.name.startswith("asyncio_") for thread in threading.enumerate())
    return (
        process.memory_full_info().uss / 2**20,
        process.num_fds(),
        process.num_threads() - pooled,
        len(process.children(recursive=True)),
    )


def test_many_projects_leave_nothing_behind():
    """In a process of its own: what other tests have left for the collector must not count as this one's."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{__file__}::test_in_this_process"]
    run = subprocess.run(command, env={**os.environ, _ALONE: "1"}, capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stdout[-3000:]
    assert "1 passed" in run.stdout


@pytest.mark.skipif(_ALONE not in os.environ, reason="runs in a process of its own, see above")
@pytest.mark.skipif(not hasattr(psutil.Process, "num_fds"), reason="counts file descriptors, which Windows has not")
def test_in_this_process(scene, orthophoto, tmp_path, qtbot):
    widget = scene()
    threads, layers = [], len(widget.viewer.layers)
    for number in range(_PROJECTS):
        widget.open_path(orthophoto[0], folder=tmp_path / f"{number}.partialseg")
        qtbot.waitUntil(
            lambda: widget.session is not None or bool(widget.board.banner.text),
            timeout=20000,
        )
        assert not widget.board.banner.text
        stroke(widget, (10, 20), (10, 20 + number), 1)
        assert (on_disk(widget) == 1).sum() == 10 * (10 + number)
        widget.close_session()
        assert len(widget.viewer.layers) == layers
        assert not (tmp_path / f"{number}.partialseg" / "lock.json").exists()
        if number == _WARM_UP:
            memory, files, threads, children = held()
    memory_now, files_now, threads_now, children_now = held()
    assert files_now <= files
    assert threads_now <= threads
    assert children_now == children
    # A session's arrays are some 0.5 MB here; what stays of them shows in the open files first.
    assert memory_now - memory < 10, f"{memory_now - memory:.1f} MB more after {_PROJECTS - _WARM_UP} projects"
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]
