"""Going on with a training run where it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from trainer.checkpoint import CheckpointError, load_checkpoint, load_content
from trainer.config import ConfigError, FitConfig, from_plain, to_plain
from trainer.fit.results import EpochResult
from trainer.fit.training import nothing_done

if TYPE_CHECKING:
    from pathlib import Path

    from trainer.fit.training import Training

__all__ = ["BEST", "LAST", "Run", "comparable", "kept_model", "load_training", "taken_up"]

BEST: Final = "best_model.pth"
LAST: Final = "last_model.pth"


@dataclass
class Run:
    """Where a run is; what is kept of it in the last checkpoint."""

    results: list[EpochResult] = field(default_factory=list)
    best: EpochResult | None = None
    seconds: float = 0.0
    """Of the epochs that have ended."""
    part: dict[str, float] = field(default_factory=nothing_done)
    """The epoch under way, as of `EpochSums.part`."""
    part_seconds: float = 0.0

    def within_epoch(self, part: dict[str, float], seconds: float) -> None:
        """Note what is done of the epoch under way, and how long it took."""
        self.part, self.part_seconds = part, seconds

    def end_epoch(self, result: EpochResult, select: Literal["miou", "batch_miou"]) -> bool:
        """Add an epoch that was trained and scored; return whether it is the best so far."""
        self.results.append(result)
        self.seconds += result.seconds
        self.within_epoch(nothing_done(), 0.0)
        better = result.better_than(self.best, select)
        if better:
            self.best = result
        return better

    def to_plain(self) -> dict[str, Any]:
        """Return plain values from which `from_plain` rebuilds it."""
        return {
            "results": [result.to_plain() for result in self.results],
            "best": 0 if self.best is None else self.best.epoch,
            "seconds": self.seconds,
            "part": self.part,
            "part_seconds": self.part_seconds,
        }

    @classmethod
    def from_plain(cls, value: dict[str, Any]) -> Self:
        """Rebuild from `to_plain`."""
        results = [EpochResult.from_plain(r) for r in value["results"]]
        best = next((r for r in results if r.epoch == value["best"]), None)
        return cls(results, best, value["seconds"], dict(value["part"]), value["part_seconds"])


def comparable(config: FitConfig) -> dict[str, Any]:
    """Return the part of a configuration that makes a run what it is: all but what computes it."""
    values = to_plain(config)
    del values["device"]
    return values


def load_training(path: Path, config: FitConfig, key: str) -> dict[str, Any] | None:
    """Return what an earlier run of the same configuration and data left in its last checkpoint; None if there is none.

    Raises
    ------
    CheckpointError
        The file is damaged or of a newer version.
    """
    if not path.is_file():
        return None
    try:
        content = load_content(path)
    except CheckpointError as error:
        raise CheckpointError(f"{error} Delete the file to begin this run anew.") from error
    training = content.get("training")
    if not isinstance(training, dict) or training.get("key") != key:
        return None
    try:
        before = comparable(from_plain(FitConfig, content["config"]))  # settings of newer versions have their defaults
    except (KeyError, TypeError, AttributeError, ConfigError):
        return None
    return training if before == comparable(config) else None


def taken_up(work: Training, kept: dict[str, Any], folder: Path) -> Run | None:
    """Return the run to go on with; None where the weights of its best epoch are gone, so that it must begin anew.

    Raises
    ------
    CheckpointError
        What was kept is damaged.
    """
    try:
        work.load_state(kept["state"])
        run = Run.from_plain(kept["run"])
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
