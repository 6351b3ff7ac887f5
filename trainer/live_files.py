"""What the live learner leaves on disk: `best_model.pth` to predict with, `resume.pth` to go on from."""

from __future__ import annotations

import os
import pickle
import time
from typing import TYPE_CHECKING, Any

import torch

from trainer.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from trainer.live import LiveLearner

__all__ = ["CHECKPOINT", "RESUME", "load_work", "save_work", "set_aside"]

CHECKPOINT = "best_model.pth"
RESUME = "resume.pth"


def save_work(folder: Path, learner: LiveLearner) -> Path:
    """Write both files, each whole or not at all; return the checkpoint's path.

    Raises
    ------
    PartialSegError, OSError
        The disk is full or the folder cannot be written; the files there before are untouched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / CHECKPOINT
    save_checkpoint(path, learner.checkpoint())
    temporary = folder / (RESUME + ".new")
    try:
        torch.save(learner.state(), temporary)
        os.replace(temporary, folder / RESUME)
    except RuntimeError as error:  # torch reports a full disk so
        temporary.unlink(missing_ok=True)
        raise OSError(str(error)) from error
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return path


def load_work(folder: Path) -> tuple[Checkpoint, dict[str, Any] | None] | None:
    """Return the checkpoint and the state beside it (None where missing or torn), or None where there is neither.

    Raises
    ------
    PartialSegError
        The checkpoint is damaged or newer than this version.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    checkpoint = load_checkpoint(path)
    state: dict[str, Any] | None = None
    if (folder / RESUME).is_file():
        try:
            state = torch.load(folder / RESUME, map_location="cpu")
        except (RuntimeError, EOFError, OSError, pickle.UnpicklingError):
            state = None  # training goes on from the averaged weights; the optimiser finds its feet in some steps
    return checkpoint, state


def set_aside(folder: Path) -> Path | None:
    """Move the checkpoint out of the way, keeping it under a name with the time; return where it went."""
    (folder / RESUME).unlink(missing_ok=True)
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    kept = folder / time.strftime("before_%Y%m%d_%H%M%S.pth")
    os.replace(path, kept)
    return kept
