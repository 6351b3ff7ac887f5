"""Going on with a training run where it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.checkpoint import CheckpointError, load_content
from trainer.config import ConfigError, FitConfig, from_plain, to_plain

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["comparable", "load_training"]


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
