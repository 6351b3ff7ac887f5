"""What the live learner leaves on disk: `best_model.pth` to predict with, `resume.pth` to go on from.

The two are one generation: `resume.pth` names the `best_model.pth` that it belongs to by the hash of its bytes. After
half a save, or where one of the two came from elsewhere, `resume.pth` counts for nothing.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import torch

from annotations.disk import aside
from annotations.disk.files import replacing
from annotations.project_files import WeightFiles
from trainer.checkpoint import Checkpoint, CheckpointError, NewerCheckpointError, load_checkpoint, load_safely
from trainer.checkpoint import save_checkpoint as save_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from trainer.live.learning import Learner

__all__ = ["keep_former", "load_work", "save_work"]

_OF: Final = "of"
"""The key in `resume.pth` under which the hash of its checkpoint stands."""


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _make_way(files: WeightFiles) -> None:
    """Make sure that the folder is a folder, and that only files have the names of the two."""
    folder = files.folder
    if os.path.lexists(folder) and not folder.is_dir():
        aside.set_aside(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for path in (files.best, files.resume):
        if path.is_dir():
            aside.set_aside(path)


def save_work(folder: Path, learner: Learner) -> Path:
    """Write both files, each whole or not at all; return the checkpoint's path.

    Raises
    ------
    PartialSegError, OSError
        The disk is full or the folder cannot be written; the files there before are untouched.
    """
    files = WeightFiles(folder)
    checkpoint, state = learner.checkpoint(), learner.state()
    _make_way(files)
    # Both are written before either takes its place. A kill between the two renames leaves a resume.pth that names
    # another checkpoint, and so is not used.
    with replacing(files.resume) as resume, replacing(files.best) as best:
        save_checkpoint(best, checkpoint)
        try:
            torch.save({**state, _OF: _digest(best)}, resume)
        except RuntimeError as error:  # torch reports a full disk so
            raise OSError(str(error)) from error
    return files.best


def load_work(folder: Path, notes: list[str] | None = None) -> tuple[Checkpoint, dict[str, Any] | None] | None:
    """Return the checkpoint and the state beside it (None where missing, torn or of another checkpoint), or None.

    What is damaged is set aside, so that the next save and a fresh start find their way.

    Parameters
    ----------
    folder : Path
        Of the two files; None is returned where it holds no checkpoint that can be used.
    notes : list of str, optional
        Takes a sentence for people about all that is damaged.

    Raises
    ------
    NewerCheckpointError
        The checkpoint is newer than this version: it stays where it is.
    """
    said = notes if notes is not None else []
    path, resume = WeightFiles(folder).best, WeightFiles(folder).resume
    if os.path.lexists(folder) and not folder.is_dir():
        said.append(_aside(folder, "it should be a folder"))
        return None
    if not os.path.lexists(path):
        return None
    try:
        checkpoint = load_checkpoint(path)
    except NewerCheckpointError:
        raise
    except (CheckpointError, OSError) as error:
        reason = str(error).removeprefix(f"{path}: ")
        said.append(_aside(path, reason) + " Training begins with new weights; your labels are untouched.")
        if os.path.lexists(resume):
            with suppress(OSError):
                aside.set_aside(resume)
        return None
    return checkpoint, _state_beside(path, resume, checkpoint, said)


def _state_beside(path: Path, resume: Path, checkpoint: Checkpoint, said: list[str]) -> dict[str, Any] | None:
    # Without it training goes on from the averaged weights; the optimiser needs some steps to adapt.
    if not os.path.lexists(resume):
        return None
    try:
        state = load_safely(resume)
    except CheckpointError as error:
        said.append(_aside(resume, str(error).removeprefix(f"{resume}: ")) + " The network itself is whole.")
        return None
    if not isinstance(state, dict):
        said.append(_aside(resume, f"it holds a {type(state).__name__}") + " The network itself is whole.")
        return None
    # Versions before wrote no hash; the step tells most mismatches, and the learner checks every shape.
    fits = state[_OF] == _digest(path) if _OF in state else state.get("step") == checkpoint.step
    if fits is not True:
        said.append(f"{resume}: belongs to another save than {path.name}, and is not used; training goes on without.")
        return None
    return state


def _aside(path: Path, reason: str) -> str:
    try:
        kept = aside.set_aside(path)
    except OSError as error:
        return f"{path}: cannot be used ({reason}), and not be set aside either ({error.strerror})."
    where = f" It is kept as {kept.name}." if kept is not None else ""
    return f"{path}: cannot be used ({reason}).{where}"


def keep_former(folder: Path) -> Path | None:
    """Move the checkpoint out of the way, keeping it under a name with the time; return where it went.

    No file that was kept so before is ever overwritten. What cannot be moved stays, and is no reason to fail.
    """
    path, resume = WeightFiles(folder).best, WeightFiles(folder).resume
    if resume.is_dir() and not resume.is_symlink():
        with suppress(OSError):
            aside.set_aside(resume)
    else:
        with suppress(OSError):
            resume.unlink(missing_ok=True)
    if not os.path.lexists(path):
        return None
    kept = aside.free_name(folder / time.strftime("before_%Y%m%d_%H%M%S.pth"))
    try:
        os.rename(path, kept)
    except OSError:
        return None
    return kept
