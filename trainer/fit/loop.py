"""The epoch loop: train on the labelled pixels of a set of patches, score on another set, keep the best weights.

A run that is killed goes on where it was, and on the CPU ends with the same weights, bit for bit: what a step does
depends on the seed and on the step's number alone, and weights, optimiser and moving average are kept together.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotations.disk.aside import keep_former
from trainer.checkpoint import Checkpoint, raw_state_dict, save_checkpoint
from trainer.config import ConfigError, to_plain
from trainer.distributed import barrier, is_main, share_buffers, world_size
from trainer.fit.evaluate import evaluate
from trainer.fit.events import EpochEnded, FitEvent, Started, Stepped
from trainer.fit.history import History
from trainer.fit.patches import dataset_normalisation, labelled_counts
from trainer.fit.results import EpochResult, FitResult
from trainer.fit.resume import BEST, LAST, Run, load_training, taken_up
from trainer.fit.training import EpochSums, Training, steps_per_epoch
from trainer.landcover_ai import DatasetError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from annotations.classes import ClassScheme
    from trainer.config import FitConfig
    from trainer.fit.patches import PatchSet

__all__ = ["fit"]


def fit(
    train: PatchSet,
    val: PatchSet,
    config: FitConfig,
    scheme: ClassScheme,
    folder: Path | None = None,
    *,
    counts: Sequence[int] | None = None,
    key: str = "",
    save_seconds: float = 600.0,
) -> Generator[FitEvent, None, FitResult]:
    """Train a network, and keep the weights of the epoch with the best mIoU on `val`.

    Training goes on as events are asked for, and may be left after any of them: closed, it ends its threads, and what
    it has kept stays. The same call goes on from there.

    Parameters
    ----------
    train, val : PatchSet
        What is learnt from, and what is scored on (its labelled pixels).
    config : FitConfig
        Everything else.
    scheme : ClassScheme
        The classes.
    folder : Path, optional
        Gets best_model.pth, last_model.pth, history.jsonl and history.csv as they come. A run of the same
        configuration and `key` that it holds is taken up where it ended; of another one, it is begun anew.
    counts : sequence of int, optional
        Labelled pixels of each class, where they are known better than from the resized patches.
    key : str
        Identifies the data.
    save_seconds : float
        Within an epoch, what is learnt is kept this often, in a single process; at its end in any case.

    Yields
    ------
    FitEvent
        Started, then Stepped after each step and EpochEnded after each epoch.

    Returns
    -------
    FitResult
        Of the whole run, the epochs of earlier ones included.

    Raises
    ------
    DatasetError
        No pixel of `train`, or none of `val`, is labelled: at once. All else is raised where it comes up.
    CheckpointError
        What an earlier run left in `folder` is damaged.
    """
    _require_labels(train, val, config, len(scheme))
    smallest = config.batch_size if steps_per_epoch(config, len(train)) > 1 else min(config.batch_size, len(train))
    if world_size() > smallest:
        raise ConfigError(f"a batch of {smallest} patches cannot be shared by {world_size()} processes: start fewer")
    counts = labelled_counts(train, len(scheme)) if counts is None else counts
    return _events(_Sets(train, val, scheme, counts, key), config, folder, save_seconds)


@dataclass(frozen=True)
class _Sets:
    """What is learnt from and scored on; parameters as of `fit`."""

    train: PatchSet
    val: PatchSet
    scheme: ClassScheme
    counts: Sequence[int]
    key: str

    def training(self, config: FitConfig) -> Training:
        return Training(config, dataset_normalisation(config, self.train), self.train.images.shape[1], self.counts)


def _require_labels(train: PatchSet, val: PatchSet, config: FitConfig, classes: int) -> None:
    if not sum(labelled_counts(train, classes)):
        labels = config.labels
        raise DatasetError(
            f"no pixel of the training patches is labelled with {labels.kind} labels of {labels.amount:g}: there is "
            "nothing to learn from. Ask for more labels."
        )
    if not sum(labelled_counts(val, classes)):
        raise DatasetError(
            "no pixel of the validation patches is labelled: there is nothing to score. Correct their masks or list."
        )


def _events(
    sets: _Sets, config: FitConfig, folder: Path | None, save_seconds: float
) -> Generator[FitEvent, None, FitResult]:
    work = sets.training(config)
    kept = None if folder is None else load_training(folder / LAST, config, sets.key)
    run = None if kept is None or folder is None else taken_up(work, kept, folder)
    begun_anew = run is None
    if run is None:
        run = Run()
        if kept is not None:  # its state may have been taken up in part
            work = sets.training(config)
    yield Started(work.step)
    loop = _Loop(work, run, sets, folder, save_seconds)
    barrier()  # nobody writes before everybody has read
    if begun_anew and folder is not None and is_main():
        for name in (BEST, LAST):  # of another run: nothing of it may be taken for this one's
            keep_former(folder / name)
    loop.write_history()
    while len(run.results) < config.epochs:
        yield from loop.epoch(len(run.results) + 1)
    return FitResult(tuple(run.results), run.best, run.seconds, work.precision.reason)


class _Loop:
    """One epoch after the other, and the files that they leave."""

    def __init__(self, work: Training, run: Run, sets: _Sets, folder: Path | None, save_seconds: float) -> None:
        self.work, self.run, self.sets, self.save_seconds = work, run, sets, save_seconds
        self.folder = folder if is_main() else None
        self.history = None if self.folder is None else History(self.folder)

    def epoch(self, number: int) -> Generator[Stepped | EpochEnded, None, None]:
        """Train, score and keep one epoch."""
        run = self.run
        start, before = time.perf_counter(), run.part_seconds
        sums = EpochSums(run.part, self.work.precision.device)
        yield from self._steps(number, sums, start - before)
        result = self._scored(number, sums.over_all_ranks(), start - before)
        better = run.end_epoch(result, self.work.config.select)
        if self.folder is not None:
            if better:
                save_checkpoint(self.folder / BEST, self.checkpoint(result))
            self.save_last()  # after the best: killed in between, the epoch is made again and the best with it
            self.write_history()
        yield EpochEnded(result, run.best)

    def _steps(self, number: int, sums: EpochSums, start: float) -> Generator[Stepped, None, None]:
        """Make the steps of an epoch, and keep what is learnt every `save_seconds`, before it is told of."""
        saved = time.perf_counter()
        with closing(self.work.train_epoch(self.sets.train, number, sums)) as steps:
            for step in steps:
                now = time.perf_counter()
                if now - saved >= self.save_seconds and world_size() == 1:  # ranks' sums are added at the epoch's end
                    self.run.within_epoch(sums.part(), now - start)
                    self.save_last()
                    saved = time.perf_counter()
                yield Stepped(step)

    def _scored(self, number: int, part: dict[str, float], start: float) -> EpochResult:
        work = self.work
        share_buffers(work.predicting)
        size = work.config.batch_size
        found = evaluate(work.predicting, self.sets.val, work.normalisation, work.precision, work.classes, size)
        return EpochResult(
            epoch=number,
            step=work.step,
            loss=part["total"] / part["count"] if part["count"] else 0.0,
            val_loss=found.loss,
            matrix=found.matrix,
            batch_miou=found.batch_miou,
            batch_accuracy=found.batch_accuracy,
            seconds=time.perf_counter() - start,
            waited=part["waited"],
        )

    def checkpoint(self, result: EpochResult | None) -> Checkpoint:
        work = self.work
        metrics: dict[str, Any] = {}
        if result is not None:
            metrics = {"epoch": result.epoch, "batch_miou": result.batch_miou, **result.scores.to_json()}
        return Checkpoint(
            model=work.config.model,
            in_channels=work.normalisation.bands,
            scheme=self.sets.scheme,
            normalisation=work.normalisation,
            state_dict=raw_state_dict(work.predicting),
            metrics=metrics,
            config=to_plain(work.config),
            step=work.step,
            imagery=self.sets.train.imagery,
        )

    def save_last(self) -> None:
        if self.folder is not None:
            last = self.run.results[-1] if self.run.results else None
            training = {"key": self.sets.key, "state": self.work.state(), "run": self.run.to_plain()}
            save_checkpoint(self.folder / LAST, self.checkpoint(last), training)

    def write_history(self) -> None:
        if self.history is not None:
            self.history.write([result.row(self.sets.scheme.names) for result in self.run.results])
