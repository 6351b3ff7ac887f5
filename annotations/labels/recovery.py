"""Taking up labels and points as they are on disk, whatever a kill, a full disk or an older version left there.

What speaks of classes that do not exist is neither taken for another class nor thrown away: it is set aside in a file
beside the labels, and said.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotations.classes import MAX_CLASSES, UNLABELLED, ClassScheme
from annotations.disk.aside import free_name
from annotations.disk.files import replacing, write_atomically
from annotations.errors import LabelError, ProjectError
from annotations.labels.points import PointSet
from annotations.region import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.project.project import Project
    from annotations.store.label_store import LabelStore

__all__ = ["TakenUp", "take_up"]

_TILE = 512


@dataclass(frozen=True)
class TakenUp:
    """What is there to go on with.

    Parameters
    ----------
    labels, strokes : ndarray of int8 and uint32, (H, W)
        Every label is a class of the project.
    points : PointSet
        Of the project's classes too.
    note : str
        What the person should know; "" where all was in order.
    """

    labels: NDArray[np.int8]
    strokes: NDArray[np.uint32]
    points: PointSet
    note: str


def take_up(store: LabelStore, project: Project) -> TakenUp:
    """Read a store's labels and points, and bring them into line with the project's classes.

    A change of classes counts from the moment when the project's file is replaced: a store that a kill left with
    others follows it. Labels of classes that only the store still knows bring these classes back.

    Raises
    ------
    ProjectError
        A file is damaged, or what is strange could not be put in order; nothing is lost then.
    """
    try:
        return _taken_up(store, project)
    except OSError as error:
        raise ProjectError(
            f"{store.folder}: could not be put in order ({error}). Make room or check the disk, then open it again; "
            "nothing is lost."
        ) from error


def _taken_up(store: LabelStore, project: Project) -> TakenUp:
    writable = store.writable and not project.read_only
    labels, strokes = store.load()
    notes: list[str] = []
    strange = _places(labels, len(project.scheme))
    if len(strange) and writable and _bring_back(store, project, int(labels.reshape(-1)[strange].max()), notes):
        strange = _places(labels, len(project.scheme))
    scheme = project.scheme
    if writable and store.scheme != scheme:
        store.set_scheme(scheme, checked=True)
    if len(strange):
        notes.append(_set_labels_aside(store, labels, strokes, strange, writable=writable))
    points, left_out = PointSet.recovered(_as_list(store.points()), len(scheme), store.shape)
    points.agree(labels, strokes)
    if left_out:
        notes.append(_set_points_aside(store, points, left_out, writable=writable))
    text = " ".join([*store.notes, *notes])
    return TakenUp(labels, strokes, points, f"{store.folder}: {text}" if text else "")


def _bring_back(store: LabelStore, project: Project, highest: int, notes: list[str]) -> bool:
    """Give a project the classes up to the highest label back, which only the store knows; return whether it did."""
    scheme = project.scheme
    known = _with_classes_of(scheme, store.scheme, 1 + highest)
    if known is None:
        return False
    project.set_scheme(known)
    names = ", ".join(repr(name) for name in known.names[len(scheme) :])
    notes.append(f"Removing the class {names} was not finished, and it still has labels: it is back.")
    return True


def _set_labels_aside(
    store: LabelStore,
    labels: NDArray[np.int8],
    strokes: NDArray[np.uint32],
    strange: NDArray[np.int64],
    *,
    writable: bool,
) -> str:
    """Un-label what is not a class, in place, and keep it in a file; return what to say of it."""
    rows, columns = np.divmod(strange, labels.shape[1])
    values, numbers = labels[rows, columns], strokes[rows, columns]
    labels[rows, columns], strokes[rows, columns] = UNLABELLED, 0
    where = "they are left out"
    if writable:
        path = free_name(store.folder / "labels-set-aside.npz")
        with replacing(path) as temporary:
            np.savez_compressed(temporary, row=rows, column=columns, label=values, stroke=numbers)
        where = f"they were set aside in {path.name}"
        for tile in _tiles(rows, columns):
            part = tile.clipped(labels.shape)
            store.submit(part, labels[part.slices], strokes[part.slices])
    return f"{len(strange):,} pixels had labels of classes that do not exist; {where} and are unlabelled now."


def _set_points_aside(store: LabelStore, points: PointSet, left_out: list[Any], *, writable: bool) -> str:
    """Keep points that cannot be used in a file; return what to say of them."""
    where = "left out"
    if writable:
        path = free_name(store.folder / "points-set-aside.json")
        write_atomically(path, json.dumps(left_out).encode())
        store.submit_points(points.to_json())
        where = f"set aside in {path.name}"
    return f"{len(left_out)} saved points spoke of classes that do not exist, or were damaged: {where}."


def _with_classes_of(scheme: ClassScheme, other: ClassScheme, count: int) -> ClassScheme | None:
    """Return a scheme with further classes from another, as many as there are labels of; None where it has fewer."""
    if not len(scheme) < count <= min(len(other), MAX_CLASSES):
        return None
    try:
        return ClassScheme((*scheme.classes, *other.classes[len(scheme) : count]))
    except LabelError:  # the names have been given to others meanwhile
        return None


def _places(labels: NDArray[np.int8], n_classes: int) -> NDArray[np.int64]:
    """Return the flat places of labels that are not a class."""
    if not labels.size or (labels.max() < n_classes and labels.min() >= UNLABELLED):
        return np.empty(0, np.int64)
    return np.flatnonzero((labels >= n_classes) | (labels < UNLABELLED))


def _tiles(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> list[Region]:
    tiles = np.unique(np.stack([rows // _TILE, columns // _TILE]), axis=1)
    return [Region(int(r) * _TILE, int(c) * _TILE, _TILE, _TILE) for r, c in tiles.T]


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]
