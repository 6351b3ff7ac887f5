"""How the worker fares beside other programs that use every core: `python -m benchmarks.starved`.

Three figures, on a generated field, first on the machine as it is and then beside one busy loop for each core: seconds
from Train to the first map, training steps a second, and seconds from Pause until all is saved.
"""

from __future__ import annotations

import argparse
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import rasterio
from rasterio import Affine

from annotations.classes import LANDCOVER_AI, NOT_PREDICTED
from annotations.errors import PartialSegError
from annotations.prediction.shared_array import SharedArray
from annotations.project_files import ImageFiles, SharedFiles
from annotations.region import Region
from annotations.store.mask import SparseMask
from trainer import protocol
from trainer.config import WorkConfig, to_plain

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Figures", "main", "measure", "table"]

_FIRST_MAP, _SHARE, _SAVED = 4.0, 1 / 3, 5.0  # goals beside busy programs: seconds, share of the idle steps, seconds
_PATIENCE = 120.0
_BUSY = "while True: pass"


@dataclass(frozen=True)
class Figures:
    """What was measured: seconds to the first map, steps a second, seconds from Pause until saved."""

    first_map: float
    steps: float
    saved: float


class _Worker:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "trainer.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._messages: queue.SimpleQueue[protocol.Message | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._messages.put(protocol.decode(line))
        self._messages.put(None)

    def send(self, *messages: protocol.Message) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"".join(protocol.encode(m) for m in messages))
        self._process.stdin.flush()

    def until(self, wanted: Callable[[protocol.Message], bool]) -> float:
        """Wait for a message; return how many seconds that took, infinity where it took too long."""
        start = time.monotonic()
        while (left := start + _PATIENCE - time.monotonic()) > 0:
            try:
                message = self._messages.get(timeout=left)
            except queue.Empty:
                break
            if message is None:
                raise PartialSegError("The worker ended while it was measured.")
            if isinstance(message, protocol.Problem):
                print(message.text, file=sys.stderr)
            if wanted(message):
                return time.monotonic() - start
        return float("inf")

    def rate(self, seconds: float) -> float:
        """Return the training steps a second over some seconds."""
        end = time.monotonic() + seconds
        seen: list[tuple[float, int]] = []
        while (left := end - time.monotonic()) > 0:
            try:
                message = self._messages.get(timeout=left)
            except queue.Empty:
                break
            if isinstance(message, protocol.Progress):
                seen.append((time.monotonic(), message.step))
        if len(seen) < 2 or seen[-1][0] <= seen[0][0]:
            return 0.0
        return (seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0])

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def _make(folder: Path, side: int) -> protocol.Open:
    rng = np.random.default_rng(0)
    shape = (side, side)
    image = rng.integers(0, 60, (3, *shape), dtype=np.uint8)
    image[0, :, : side // 2] += 150
    image[1, :, side // 2 :] += 150
    with rasterio.open(
        *(folder / "field.tif", "w"),
        **{"driver": "GTiff", "height": side, "width": side, "count": 3, "dtype": "uint8"},
        crs="EPSG:32640",
        transform=Affine(0.5, 0, 3e5, 0, -0.5, 2e6),
    ) as file:
        file.write(image)
    files, shared = ImageFiles(folder), SharedFiles(folder)
    mask = SparseMask.create(files.labels, shape, LANDCOVER_AI)
    for label, left in ((0, side // 8), (2, 5 * side // 8)):
        mask.write(Region(side // 4, left, 12, 150), np.full((12, 150), label, np.int8))
    for path, fill in ((shared.prediction, NOT_PREDICTED), (shared.confidence, 0)):
        SharedArray.create(path, shape, fill)
    return protocol.Open(
        image=str(folder / "field.tif"),
        labels=str(files.labels),
        prediction=str(shared.prediction),
        confidence=str(shared.confidence),
        keep=str(folder),
        weights=str(folder / "weights"),
        classes=LANDCOVER_AI.to_json(),
        config=to_plain(WorkConfig()),
    )


def measure(*, busy: int, seconds: float, side: int = 1024, drawing: bool = False) -> Figures:
    """Measure beside this many busy loops, at the priority of this process.

    Parameters
    ----------
    busy : int
        How many.
    seconds : float
        Over which the steps are counted.
    side : int
        Of the image, in pixels; 1,000 or more, for its strokes to fit.
    drawing : bool
        The worker is told of a stroke that goes on, to which it gives way.
    """
    loops: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="starved_") as name:
        message = _make(Path(name), side)
        worker = _Worker()
        try:
            worker.send(message, protocol.ViewChanged(Region(0, 0, side, side)))
            worker.until(lambda m: isinstance(m, protocol.Opened))
            loops += [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(busy)]
            worker.send(protocol.Drawing(down=drawing), protocol.Train())
            first = worker.until(lambda m: isinstance(m, protocol.Tiles))
            steps = worker.rate(seconds)
            worker.send(protocol.Pause())
            saved = worker.until(lambda m: isinstance(m, protocol.Saved))
        finally:
            worker.end()
            for loop in loops:
                loop.kill()
                loop.wait()
            shared = SharedFiles(Path(name))
            for path in (shared.prediction, shared.confidence):
                SharedArray.release(path)
    return Figures(first, steps, saved)


def table(idle: Figures, busy: Figures) -> str:
    """Return what was measured beside the goals, as a table."""
    share = busy.steps / idle.steps if idle.steps else 0.0
    rows = (
        ("first map, s", f"{idle.first_map:.1f}", f"{busy.first_map:.1f}", f"{_FIRST_MAP:.0f}", busy.first_map, 1),
        ("steps a second", f"{idle.steps:.1f}", f"{busy.steps:.1f}", f"{_SHARE * idle.steps:.1f}", share, -1),
        ("saved after Pause, s", f"{idle.saved:.1f}", f"{busy.saved:.1f}", f"{_SAVED:.0f}", busy.saved, 1),
    )
    limits = (_FIRST_MAP, _SHARE, _SAVED)
    lines = ["| | idle | beside busy programs | goal | |", "|---|---|---|---|---|"]
    for (name, alone, beside, goal, value, sign), limit in zip(rows, limits, strict=True):
        reached = "reached" if sign * value <= sign * limit else "MISSED"
        lines.append(f"| {name} | {alone} | {beside} | {goal} | {reached} |")
    return "\n".join(lines)


def main() -> int:
    """Measure and print; return 0 where every goal is reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="over which steps are counted")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("--busy", type=int, default=cores, help="busy loops; one for each core by default")
    parser.add_argument("--drawing", action="store_true", help="while somebody draws")
    arguments = parser.parse_args()
    idle, beside = (
        measure(busy=busy, seconds=arguments.seconds, drawing=arguments.drawing) for busy in (0, arguments.busy)
    )
    result = table(idle, beside)
    print(result)
    return int("MISSED" in result)


if __name__ == "__main__":
    sys.exit(main())
