"""What the report reads in the cells' folders besides their results; each of it may be missing or damaged."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Curves", "Gallery", "read_curves", "read_environment", "read_gallery"]


@dataclass(frozen=True, slots=True)
class Curves:
    """How a training went: float64 arrays, one value an epoch, NaN where there is none."""

    epoch: NDArray[np.float64]
    loss: NDArray[np.float64]
    val_loss: NDArray[np.float64]
    miou: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gallery:
    """Patches of the validation split and what a cell made of them.

    Parameters
    ----------
    image : ndarray (N, S, S, 3), uint8
        Red, green and blue.
    truth, labels : ndarray (N, S, S), int8
        -1 for unknown and unlabelled.
    prediction, confidence : ndarray (N, S, S), uint8
        Classes; 0 to 255 for 0 to 1.
    names : tuple of str
        N names.
    """

    image: NDArray[np.uint8]
    truth: NDArray[np.int8]
    labels: NDArray[np.int8]
    prediction: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    names: tuple[str, ...]


def read_curves(folder: Path) -> Curves | None:
    """Return a cell's history.jsonl; None where there is none.

    Lines that are not JSON are passed over: a process that was killed may leave half of one.
    """
    rows: list[dict[str, Any]] = []
    try:
        lines = (folder / "history.jsonl").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and isinstance(row.get("epoch"), int) and 0 <= row["epoch"] < 2**31:
            rows.append(row)
    if not rows:
        return None
    columns = {
        name: np.array([_number(row.get(name)) for row in rows], np.float64)
        for name in ("epoch", "loss", "val_loss", "miou")
    }
    return Curves(**columns)


def _number(value: Any) -> float:
    try:
        return float(value) if isinstance(value, int | float) else np.nan
    except OverflowError:
        return np.nan


def read_environment(folder: Path) -> dict[str, Any] | None:
    """Return a cell's environment.json; None where there is none that can be read."""
    try:
        content = json.loads((folder / "environment.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def read_gallery(folder: Path) -> Gallery | None:
    """Return a cell's gallery.npz; None where there is none, or none whose arrays fit each other."""
    try:
        # Opened here, since numpy leaves a file open that is not an archive.
        with (folder / "gallery.npz").open("rb") as file, np.load(file, allow_pickle=False) as content:
            arrays = {name: content[name] for name in ("image", "truth", "labels", "prediction", "confidence")}
            names = tuple(str(name) for name in content["names"])
    except Exception:  # damaged archives raise errors of all kinds; the report does without these pictures
        return None
    shape = arrays["truth"].shape
    fits = len(shape) == 3 and min(shape) > 0 and len(names) == shape[0] and arrays["image"].shape == (*shape, 3)
    if not fits or any(arrays[name].shape != shape for name in ("labels", "prediction", "confidence")):
        return None
    kinds = {"truth": np.int8, "labels": np.int8}
    if any(a.dtype != kinds.get(name, np.uint8) for name, a in arrays.items()):
        return None
    return Gallery(**arrays, names=names)
