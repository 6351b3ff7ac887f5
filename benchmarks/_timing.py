"""Clocks, interleaved rounds, the machine's rate of matrix products, and peak memory."""

from __future__ import annotations

import gc
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psutil
import torch

from benchmarks._contenders import Contender, prepare
from trainer.precision import choose_precision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from trainer.config import DeviceConfig
    from trainer.precision import Precision

__all__ = ["SHAPES", "ClockName", "MatrixProduct", "best_matrix_product", "interleaved", "make_clock", "peak_memory"]

ClockName = Literal["wall", "cpu"]
SHAPES = ((2048, 2048, 2048), (4096, 4096, 4096), (1024, 8192, 1024))
_LARGE = (8192, 8192, 8192)  # a GPU is not busy with less


def make_clock(device: torch.device, name: ClockName) -> Callable[[], float]:
    """Return a function that waits for the device and gives seconds: of the wall's clock, or those of this process."""
    count = time.perf_counter if name == "wall" else time.process_time

    def clock() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return count()

    return clock


def interleaved(
    actions: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float], *, repeats: int = 1
) -> dict[str, list[float]]:
    """Time actions in turn, A B C A B C ..., so that whatever else the machine does hits all alike.

    Parameters
    ----------
    actions : mapping of str to callable
        What to time. Each is called once before, for what the first call sets up.
    rounds : int
        How often each has its turn.
    clock : callable
        Gives seconds.
    repeats : int
        Calls in a turn.

    Returns
    -------
    dict of str to list of float
        Seconds a call, one for each round.
    """
    for action in actions.values():
        action()
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            start = clock()
            for _ in range(repeats):
                action()
            seconds[name].append((clock() - start) / repeats)
    return seconds


@dataclass(frozen=True, slots=True)
class MatrixProduct:
    """A product (m, k) x (k, n) of one type; calling it computes it."""

    left: Tensor
    right: Tensor
    out: Tensor

    @property
    def label(self) -> str:
        """Shape, and whether the right factor lies transposed in memory."""
        (m, k), n = self.left.shape, self.right.shape[1]
        return f"{m} x {k} x {n}{'' if self.right.is_contiguous() else ', transposed'}"

    @property
    def operations(self) -> int:
        """Multiplications and additions."""
        return 2 * self.left.shape[0] * self.left.shape[1] * self.right.shape[1]

    def __call__(self) -> Tensor:
        """Compute it."""
        return torch.mm(self.left, self.right, out=self.out)


def best_matrix_product(
    device: torch.device,
    dtype: torch.dtype,
    clock: Callable[[], float],
    shapes: Sequence[tuple[int, int, int]] | None = None,
) -> MatrixProduct:
    """Return the product with the highest rate among large ones; it stands for what the machine can do at best.

    Parameters
    ----------
    device, dtype : torch.device, torch.dtype
        Where and in what.
    clock : callable
        Gives seconds.
    shapes : sequence of (m, k, n), optional
        What to try, each with both layouts of the right factor.
    """
    if shapes is None:
        shapes = (*SHAPES, _LARGE) if device.type == "cuda" else SHAPES
    best, rate = None, 0.0
    for m, k, n in shapes:
        left = torch.randn(m, k, device=device).to(dtype)
        out = torch.empty(m, n, device=device, dtype=dtype)
        for right in (torch.randn(k, n, device=device).to(dtype), torch.randn(n, k, device=device).to(dtype).t()):
            product = MatrixProduct(left, right, out)
            seconds = min(interleaved({"": product}, 2, clock)[""])
            if best is None or product.operations / seconds > rate:
                best, rate = product, product.operations / seconds
    assert best is not None, "no shapes to try"
    return best


def _peak_rss() -> int:
    """Return the most memory this process has had, in bytes.

    Linux's own ru_maxrss begins with what the parent had when it started this process, so it is not asked there.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    info = psutil.Process().memory_info()
    if hasattr(info, "peak_wset"):  # Windows
        return int(info.peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes on macOS


def _measure(contender: Contender, device: DeviceConfig, precision: Precision) -> int:
    choose_precision(device)  # for the threads, and what it sets for CUDA
    cuda = precision.device.type == "cuda"
    # What libraries take once is not the network's: a small one goes first.
    prepare(Contender(contender.model, contender.kind, contender.task, 4, 32, 1), precision)()
    gc.collect()
    if cuda:
        torch.cuda.synchronize(precision.device)
        torch.cuda.reset_peak_memory_stats(precision.device)
    before = psutil.Process().memory_info().rss
    step = prepare(contender, precision)
    for _ in range(2):  # the optimiser's state comes with the first
        step()
    if cuda:
        torch.cuda.synchronize(precision.device)
        return torch.cuda.max_memory_allocated(precision.device)
    return max(_peak_rss() - before, 0)


def peak_memory(contender: Contender, device: DeviceConfig, precision: Precision) -> int:
    """Return the bytes that weights, optimiser and two steps take at the most, measured in a process of its own.

    On the CPU the growth of resident memory, on CUDA what torch allocated.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measure, contender, device, precision).result()
