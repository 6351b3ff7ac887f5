"""The files of one orthophoto's labels, opened together: what is damaged beside the labels is set aside, and said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotations.errors import ProjectError
from annotations.store.mask import SparseMask
from annotations.store.side_files import take_points, take_saved, take_strokes
from annotations.store.stroke_numbers import StrokeNumbers
from annotations.store.strokes import StrokeLog

if TYPE_CHECKING:
    from annotations.project_files import ImageFiles
    from annotations.store.saved import SavedState

__all__ = ["Parts", "open_parts"]


@dataclass(frozen=True, slots=True)
class Parts:
    """What lies in the folder.

    Parameters
    ----------
    files : ImageFiles
        Where all of it lies.
    mask, numbers, saved, log
        The labels, the stroke numbers, what was saved, and the strokes.
    log_size : int
        Bytes of the file of strokes.
    logged : int
        The largest number of a stroke in it, 0 where there is none.
    points : list of dict
        As they were saved.
    """

    files: ImageFiles
    mask: SparseMask
    numbers: StrokeNumbers
    saved: SavedState
    log: StrokeLog
    log_size: int
    logged: int
    points: list[dict[str, Any]]


def open_parts(files: ImageFiles, *, writable: bool, shape: tuple[int, int] | None, notes: list[str]) -> Parts:
    """Open everything.

    Parameters
    ----------
    files : ImageFiles
        Where all of it lies.
    writable : bool
        Whether what is damaged may be set aside and made anew.
    shape : tuple of int, optional
        (H, W) that the labels must have.
    notes : list of str
        Takes what was found missing or damaged, a sentence each; also later, while stroke numbers are read.

    Raises
    ------
    ProjectError
        The labels are missing, damaged or of another size, or the rest cannot be put in order.
    """
    mask = SparseMask.open(files.labels, writable=writable)
    if shape is not None and mask.shape != tuple(shape):
        raise ProjectError(
            f"{mask.path}: labels of {mask.shape[0]} x {mask.shape[1]} pixels (height x width), but "
            f"the orthophoto has {shape[0]} x {shape[1]}. Restore that folder from a backup; nothing was changed."
        )

    def say(text: str) -> None:
        if text not in notes:
            notes.append(text)

    try:
        numbers = StrokeNumbers(files.numbers, mask.shape, writable=writable, say=say)
        saved = take_saved(files.saved, writable=writable, say=notes.append)
        log = StrokeLog(files.strokes)
        strokes, size = take_strokes(log, saved, writable=writable, say=notes.append)
        points = take_points(files.points, saved, writable=writable, say=notes.append)
    except OSError as error:
        raise ProjectError(
            f"{files.folder}: cannot be read or put in order ({error}). Make room, or check the disk and what you "
            "may do in that folder; nothing is lost."
        ) from error
    return Parts(files, mask, numbers, saved, log, size, max((s.number for s in strokes), default=0), points)
