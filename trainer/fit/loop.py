"""The epoch loop: train on the labelled pixels of a set of patches, score on another set, keep the best weights.

A run that is killed goes on where it was, and on the CPU ends with the same weights, bit for bit: what a step does
depends on the seed and on the step's number alone, and weights, optimiser and moving average are kept together.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from annotations.disk.files import put_aside
from trainer.checkpoint import Checkpoint, CheckpointError, load_checkpoint, raw_state_dict, save_checkpoint
from trainer.config import ConfigError, to_plain
from trainer.distributed import barrier, is_main, share_buffers, world_size
from trainer.fit.evaluate import evaluate
from trainer.fit.history import History
from trainer.fit.patches import dataset_normalisation, labelled_counts
from trainer.fit.resume import load_training
from trainer.fit.training import Training, steps_per_epoch
from trainer.landcover_ai import DatasetError
from trainer.metrics import Scores, scores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from torch import Tensor

    from annotations.classes import ClassScheme
    from trainer.config import FitConfig
    from trainer.fit.patches import PatchSet

__all__ = ["BEST", "LAST", "EpochResult", "FitResult", "fit", "kept_model"]

BEST = "best_model.pth"
LAST = "last_model.pth"
_ASTRAY = 10.0  # times the cross-entropy of a network that knows nothing and says so


@dataclass(frozen=True, slots=True)
class EpochResult:
    """What an epoch brought.

    Parameters
    ----------
    epoch, step : int
        From 1; steps made by its end.
    loss, val_loss : float
        Mean cross-entropy over labelled pixels.
    matrix : Tensor (n, n), int64
        The validation set by truth and prediction.
    batch_miou, batch_accuracy : float
        Means over the validation batches' own.
    seconds : float
        Training and scoring.
    waited : float
        Seconds of the training in which the network stood still for data.
    """

    epoch: int
    step: int
    loss: float
    val_loss: float
    matrix: Tensor
    batch_miou: float
    batch_accuracy: float
    seconds: float
    waited: float

    @property
    def scores(self) -> Scores:
        """Scores from the confusion matrix."""
        return scores(self.matrix)

    @property
    def usable(self) -> bool:
        """Whether losses and score are numbers; a network that diverged still has a most likely class everywhere."""
        return all(map(math.isfinite, (self.loss, self.val_loss, self.scores.miou)))

    def diverged(self, classes: int) -> bool:
        """Whether training went astray: losses are not numbers, or the training loss is far above that of guessing."""
        if not (math.isfinite(self.loss) and math.isfinite(self.val_loss)):
            return True
        return self.loss > _ASTRAY * math.log(max(classes, 2))

    def better_than(self, other: EpochResult | None, select: str) -> bool:
        """Whether to keep this epoch's weights rather than the other's."""
        if not self.usable:
            return False
        if other is None:
            return True
        if select == "batch_miou":
            return self.batch_miou > other.batch_miou
        return self.scores.miou > other.scores.miou

    def row(self, class_names: tuple[str, ...]) -> dict[str, Any]:
        """Return plain values for the history."""
        result = self.scores
        return {
            "epoch": self.epoch,
            "step": self.step,
            "loss": self.loss,
            "val_loss": self.val_loss,
            "miou": result.miou,
            "accuracy": result.accuracy,
            "batch_miou": self.batch_miou,
            "batch_accuracy": self.batch_accuracy,
            "seconds": self.seconds,
            "waited": self.waited,
            **{f"iou {name}": value for name, value in zip(class_names, result.iou, strict=True)},
        }

    def to_plain(self) -> dict[str, Any]:
        """Return plain values from which `from_plain` rebuilds it."""
        names = ("epoch", "step", "loss", "val_loss", "batch_miou", "batch_accuracy", "seconds", "waited")
        return {"matrix": self.matrix.tolist(), **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_plain(cls, value: dict[str, Any]) -> EpochResult:
        """Rebuild from `to_plain`."""
        return cls(**{**value, "matrix": torch.tensor(value["matrix"], dtype=torch.int64)})


@dataclass(frozen=True, slots=True)
class FitResult:
    """What training ended with: the epochs, the best of them (None if none was usable), and the time it took."""

    epochs: tuple[EpochResult, ...]
    best: EpochResult | None
    seconds: float
    precision: str


@dataclass
class _Run:
    """Where a run is; what is kept of it in the last checkpoint."""

    results: list[EpochResult] = field(default_factory=list)
    best: EpochResult | None = None
    seconds: float = 0.0
    """Of the epochs that have ended."""
    part: dict[str, float] = field(default_factory=lambda: {"steps": 0, "total": 0.0, "count": 0.0, "waited": 0.0})
    """The epoch under way: its steps, summed loss, labelled pixels, and seconds of waiting so far."""
    part_seconds: float = 0.0

    def to_plain(self) -> dict[str, Any]:
        return {
            "results": [result.to_plain() for result in self.results],
            "best": 0 if self.best is None else self.best.epoch,
            "seconds": self.seconds,
            "part": self.part,
            "part_seconds": self.part_seconds,
        }

    @classmethod
    def from_plain(cls, value: dict[str, Any]) -> _Run:
        results = [EpochResult.from_plain(r) for r in value["results"]]
        best = next((r for r in results if r.epoch == value["best"]), None)
        return cls(results, best, value["seconds"], dict(value["part"]), value["part_seconds"])


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
    on_start: Callable[[int], None] | None = None,
    on_step: Callable[[], None] | None = None,
    on_epoch: Callable[[EpochResult, EpochResult | None], None] | None = None,
) -> FitResult:
    """Train a network, and keep the weights of the epoch with the best mIoU on `val`.

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
    on_start : callable, optional
        Takes the number of steps that an earlier run has made already.
    on_step : callable, optional
        Called after each step.
    on_epoch : callable, optional
        Takes each epoch and the best so far.

    Raises
    ------
    DatasetError
        No pixel of `train`, or none of `val`, is labelled.
    CheckpointError
        What an earlier run left in `folder` is damaged.
    """
    if not sum(labelled_counts(train, len(scheme))):
        labels = config.labels
        raise DatasetError(
            f"no pixel of the training patches is labelled with {labels.kind} labels of {labels.amount:g}: there is "
            "nothing to learn from. Ask for more labels."
        )
    if not sum(labelled_counts(val, len(scheme))):
        raise DatasetError(
            "no pixel of the validation patches is labelled: there is nothing to score. Correct their masks or list."
        )
    smallest = config.batch_size if steps_per_epoch(config, len(train)) > 1 else min(config.batch_size, len(train))
    if world_size() > smallest:
        raise ConfigError(f"a batch of {smallest} patches cannot be shared by {world_size()} processes: start fewer")
    counts = labelled_counts(train, len(scheme)) if counts is None else counts
    work = Training(config, dataset_normalisation(config, train), train.images.shape[1], counts)
    run = _Run()
    kept = None if folder is None else load_training(folder / LAST, config, key)
    if kept is not None and folder is not None:
        taken = _taken_up(work, kept, folder)
        if taken is None:  # begun anew: the state may have been taken up in part
            kept = None
            work = Training(config, dataset_normalisation(config, train), train.images.shape[1], counts)
        else:
            run = taken
    if on_start is not None:
        on_start(work.step)
    loop = _Loop(work, run, train, val, scheme, folder, key, save_seconds)
    barrier()  # nobody writes before everybody has read
    if kept is None and folder is not None and is_main():
        for name in (BEST, LAST):  # of another run: nothing of it may be taken for this one's
            put_aside(folder / name)
    loop.write_history()
    while len(run.results) < config.epochs:
        result = loop.epoch(len(run.results) + 1, on_step)
        if on_epoch is not None:
            on_epoch(result, run.best)
    return FitResult(tuple(run.results), run.best, run.seconds, work.precision.reason)


def _taken_up(work: Training, kept: dict[str, Any], folder: Path) -> _Run | None:
    """Return the run to go on with; None where the weights of its best epoch are gone, so that it must begin anew.

    Raises
    ------
    CheckpointError
        What was kept is damaged.
    """
    try:
        work.load_state(kept["state"])
        run = _Run.from_plain(kept["run"])
    except Exception as error:  # torch raises of all kinds for what does not fit
        reason = f"{type(error).__name__}: {error}".replace("\n", " ")[:200]
        raise CheckpointError(
            f"{folder / LAST}: does not fit its run ({reason}). It is damaged: delete the file to begin this run anew."
        ) from error
    if run.best is None:
        return run
    return run if kept_model(folder / BEST, run.best.epoch) else None


def kept_model(path: Path, epoch: int) -> bool:
    """Whether a checkpoint is whole, of this epoch, and of numbers."""
    try:
        checkpoint = load_checkpoint(path)
        checkpoint.build()
    except CheckpointError:
        return False
    numbers = all(bool(t.isfinite().all()) for t in checkpoint.state_dict.values() if t.is_floating_point())
    return numbers and checkpoint.metrics.get("epoch") == epoch


class _Loop:
    """One epoch after the other, and the files that they leave."""

    def __init__(
        self,
        work: Training,
        run: _Run,
        train: PatchSet,
        val: PatchSet,
        scheme: ClassScheme,
        folder: Path | None,
        key: str,
        save_seconds: float,
    ) -> None:
        self.work, self.run, self.train, self.val = work, run, train, val
        self.scheme, self.key, self.save_seconds = scheme, key, save_seconds
        self.folder = folder if is_main() else None
        self.history = None if self.folder is None else History(self.folder)

    def epoch(self, number: int, on_step: Callable[[], None] | None) -> EpochResult:
        run, work = self.run, self.work
        start = saved = time.perf_counter()
        before = run.part_seconds

        def stepped(part: Callable[[], dict[str, float]]) -> None:
            nonlocal saved
            now = time.perf_counter()
            if now - saved >= self.save_seconds and world_size() == 1:  # ranks' sums are added up at the epoch's end
                run.part, run.part_seconds = part(), before + now - start
                self.save_last()
                saved = time.perf_counter()
            if on_step is not None:
                on_step()

        part = work.train_epoch(self.train, number, run.part, stepped)
        config = work.config
        share_buffers(work.predicting)
        found = evaluate(work.predicting, self.val, work.normalisation, work.precision, work.classes, config.batch_size)
        result = EpochResult(
            epoch=number,
            step=work.step,
            loss=part["total"] / part["count"] if part["count"] else 0.0,
            val_loss=found.loss,
            matrix=found.matrix,
            batch_miou=found.batch_miou,
            batch_accuracy=found.batch_accuracy,
            seconds=before + time.perf_counter() - start,
            waited=part["waited"],
        )
        run.results.append(result)
        run.seconds += result.seconds
        run.part, run.part_seconds = _Run().part, 0.0
        better = result.better_than(run.best, config.select)
        if better:
            run.best = result
        if self.folder is not None:
            if better:
                save_checkpoint(self.folder / BEST, self.checkpoint(result))
            self.save_last()  # after the best: killed in between, the epoch is made again and the best with it
            self.write_history()
        return result

    def checkpoint(self, result: EpochResult | None) -> Checkpoint:
        work = self.work
        metrics: dict[str, Any] = {}
        if result is not None:
            metrics = {"epoch": result.epoch, "batch_miou": result.batch_miou, **result.scores.to_json()}
        return Checkpoint(
            model=work.config.model,
            in_channels=work.normalisation.bands,
            scheme=self.scheme,
            normalisation=work.normalisation,
            state_dict=raw_state_dict(work.predicting),
            metrics=metrics,
            config=to_plain(work.config),
            step=work.step,
            imagery=self.train.imagery,
        )

    def save_last(self) -> None:
        if self.folder is not None:
            last = self.run.results[-1] if self.run.results else None
            training = {"key": self.key, "state": self.work.state(), "run": self.run.to_plain()}
            save_checkpoint(self.folder / LAST, self.checkpoint(last), training)

    def write_history(self) -> None:
        if self.history is not None:
            self.history.write([result.row(self.scheme.names) for result in self.run.results])
