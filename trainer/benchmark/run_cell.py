"""Running one cell of the grid in its folder: continued where it ended, or left alone if it is finished."""

from __future__ import annotations

import hashlib
import json
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from annotations.disk.aside import keep_former
from annotations.disk.files import write_atomically
from annotations.disk.leftovers import sweep_leftovers
from trainer.benchmark.environment import environment
from trainer.benchmark.events import LeftAlone, Said
from trainer.benchmark.gallery import GALLERY_FILE, write_gallery
from trainer.benchmark.grid import VARIED
from trainer.benchmark.presets import preset_config
from trainer.benchmark.results import RESULT_FILE, CellResult, ResultError, SplitScores, write_result
from trainer.benchmark.state import CONFIG_FILE, WORTHLESS, State, said_of, state_of
from trainer.checkpoint import CheckpointError, load_checkpoint
from trainer.config import to_plain
from trainer.distributed import barrier, broadcast, is_main
from trainer.fit.evaluate import Evaluation, evaluate
from trainer.fit.loop import fit
from trainer.fit.resume import BEST, LAST, comparable
from trainer.precision import choose_precision

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from trainer.benchmark.data import DataSet
    from trainer.benchmark.events import CellEvent
    from trainer.benchmark.grid import Cell
    from trainer.fit.events import FitEvent
    from trainer.fit.results import EpochResult, FitResult

__all__ = ["recipe_of", "run_cell"]


def recipe_of(cell: Cell) -> str:
    """Identify all settings but network, labels and seed, and what is told apart by itself: those to compare under.

    Of network and labels counts what is neither varied by the grid nor the preset's own.
    """
    values, own = (comparable(c) for c in (cell.config, preset_config(cell.preset, cell.config.model.name)))
    others = {
        path: value
        for table in ("model", "labels")
        for name, value in values[table].items()
        if (path := f"{table}.{name}") not in VARIED and value != own[table][name]
    }
    for name in ("labels", "seed", "model", "epochs", "min_steps", "batch_size", "input_size"):
        del values[name]
    return hashlib.sha256(json.dumps(values | others, sort_keys=True).encode()).hexdigest()[:12]


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Give whether this run, and no other process, may work in the folder; ranks of one run share the lock."""
    lock = FileLock(folder / ".lock", thread_local=False)
    free = True
    if is_main():
        try:
            lock.acquire(timeout=0)
        except Timeout:
            free = False
    try:
        yield broadcast(free)
    finally:
        lock.release()


def run_cell(
    cell: Cell, output: Path, data: DataSet, *, save_seconds: float = 600.0
) -> Generator[CellEvent, None, None]:
    """Train and score a cell, unless that is done already or another process is at work on it.

    Parameters
    ----------
    cell : Cell
        What to train.
    output : Path
        The grid's folder; the cell has a folder of its own in it.
    data : DataSet
        What is learnt from and scored on.
    save_seconds : float
        As of `trainer.fit.loop.fit`.

    Yields
    ------
    CellEvent
        What is trained, as it is trained, and what there is to say. Closed early, it lets go of the folder, and
        the same call goes on from what was kept.
    """
    folder = output / cell.name
    if is_main():
        folder.mkdir(parents=True, exist_ok=True)
    barrier()
    with _locked(folder) as free:
        if not free:
            yield Said(f"{cell.name}: another process is at work on it; left to that one.")
            yield LeftAlone()
            return
        state = _shared_state(folder, cell, data.key)
        for text in said_of(cell, folder, state):
            yield Said(text)
        if state.finished:
            yield LeftAlone()
            return
        if is_main():
            _prepare(folder, cell)
        result = yield from _trained(cell, folder, data, save_seconds)
        if not result.usable:
            yield Said(f"{cell.name}: {WORTHLESS}")


def _shared_state(folder: Path, cell: Cell, key: str) -> State:
    """Return on all processes what the first one finds, see `state_of`; a damaged result is raised on all of them."""
    found: State | ResultError = State(None, ())
    if is_main():
        try:
            found = state_of(folder, cell, key)
        except ResultError as error:
            found = error
    found = broadcast(found)
    if isinstance(found, ResultError):
        raise found
    return found


def _prepare(folder: Path, cell: Cell) -> None:
    """Set aside the result of an earlier run, and write down what runs now."""
    sweep_leftovers(folder)
    for name in (RESULT_FILE, GALLERY_FILE):
        keep_former(folder / name)
    write_atomically(folder / CONFIG_FILE, (json.dumps(to_plain(cell.config), indent=2) + "\n").encode())
    write_atomically(folder / "environment.json", (json.dumps(environment(), indent=2) + "\n").encode())


def _trained(cell: Cell, folder: Path, data: DataSet, save_seconds: float) -> Generator[FitEvent, None, CellResult]:
    """Train a cell, score it, and write its result."""
    config = cell.config
    train, counts = data.train.labelled(config.labels, config.seed, keep=config.keep_labels)
    val, _ = data.val.labelled(None, 0)
    fitted = yield from fit(
        train, val, config, data.scheme, folder, counts=counts, key=data.key, save_seconds=save_seconds
    )
    barrier()
    result = _finish(cell, folder, data, fitted, counts)
    if is_main():
        write_result(folder, result)
    return result


def _finish(cell: Cell, folder: Path, data: DataSet, fitted: FitResult, counts: list[int]) -> CellResult:
    """Score the test patches once, with the weights that validation chose, and draw the examples."""
    test: SplitScores | None = None
    parameters = 0
    if fitted.best is not None:
        checkpoint = load_checkpoint(folder / BEST)
        if checkpoint.metrics.get("epoch") != fitted.best.epoch:
            raise CheckpointError(
                f"{folder / BEST}: is of epoch {checkpoint.metrics.get('epoch')}, but epoch {fitted.best.epoch} was "
                f"the best. Delete {folder / LAST} to run this cell anew."
            )
        precision = choose_precision(cell.config.device)
        model = precision.place(checkpoint.build())
        parameters = sum(p.numel() for p in model.parameters())
        if data.test is not None:
            patches, _ = data.test.labelled(None, 0)
            size = cell.config.batch_size
            test = _split(evaluate(model, patches, checkpoint.normalisation, precision, len(data.scheme), size))
        if is_main():
            write_gallery(folder, data.val, model, checkpoint.normalisation, precision, cell.config)
    return _result(cell, data, fitted, counts, test, parameters)


def _split(found: Evaluation | EpochResult) -> SplitScores:
    return SplitScores(
        miou=found.scores.miou,
        accuracy=found.scores.accuracy,
        batch_miou=found.batch_miou,
        batch_accuracy=found.batch_accuracy,
        iou=found.scores.iou,
        confusion=tuple(tuple(int(n) for n in row) for row in found.matrix.tolist()),
    )


def _result(
    cell: Cell, data: DataSet, fitted: FitResult, counts: list[int], test: SplitScores | None, parameters: int
) -> CellResult:
    config, final, best = cell.config, fitted.epochs[-1], fitted.best
    labels = config.labels
    known = data.train.known()
    usable = final.usable
    return CellResult(
        name=cell.name,
        preset=cell.preset,
        model=config.model.name,
        labels=labels.kind,
        amount=labels.amount,
        fraction=labels.fraction if labels.kind == "random" else sum(counts) / max(known, 1),
        seed=config.seed,
        width=config.model.width,
        input_size=config.input_size,
        batch_size=config.batch_size,
        epochs=len(fitted.epochs),
        steps=final.step,
        parameters=parameters,
        best_epoch=best.epoch if best else 0,
        best_miou=best.scores.miou if best else math.nan,
        best_batch_miou=best.batch_miou if best else math.nan,
        final_miou=final.scores.miou if usable else math.nan,
        final_accuracy=final.scores.accuracy if usable else math.nan,
        final_batch_miou=final.batch_miou if usable else math.nan,
        final_batch_accuracy=final.batch_accuracy if usable else math.nan,
        seconds=fitted.seconds,
        wait_share=sum(e.waited for e in fitted.epochs) / max(fitted.seconds, 1e-9),
        labelled=tuple(counts),
        scheme=data.scheme,
        data=data.key,
        val=_split(best) if best else None,
        test=test,
        precision=fitted.precision,
        recipe=recipe_of(cell),
        diverged=final.diverged(len(data.scheme)),
    )
