"""Other classes for labels that are there: what goes with a class that goes, and where the classes are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotations.classes import UNLABELLED
from annotations.errors import LabelError, ProjectError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from annotations.labels.points import PointSet
    from annotations.project.project import Project
    from annotations.store.label_store import LabelStore

__all__ = ["check_unused", "keep_scheme", "points_without"]

_FLUSH_SECONDS = 10.0


def check_unused(labels: NDArray[np.int8], scheme: ClassScheme, n: int) -> None:
    """Raise LabelError where pixels are labelled with a class from the n-th on."""
    if n < len(scheme) and int(labels.max(initial=UNLABELLED)) >= n:
        raise LabelError(f"{scheme[n].name!r} or a class after it has labelled pixels: erase or relabel them first.")


def points_without(points: PointSet, n: int, labels: NDArray[np.int8], strokes: NDArray[np.uint32]) -> PointSet:
    """Return the points of the first n classes: the others are painted over, so that no pixel changes."""
    result = points.copy()
    for point in points:
        if point.label >= n:
            result.remove(labels, strokes, point.number, tidy=False)
    result.forget(labels_from=n)
    result.tidy()
    return result


def keep_scheme(scheme: ClassScheme, former: ClassScheme, project: Project | None, store: LabelStore | None) -> None:
    """Write the classes: the project's file is what counts, the masks follow it, now or on the next opening.

    Raises
    ------
    LabelError
        Pixels of another image carry a class that goes; nothing is changed.
    ProjectError
        It could not be saved; nothing is changed.
    """
    if store is not None and len(scheme) < len(former) and not store.flush(_FLUSH_SECONDS):
        raise ProjectError(
            f"The classes were not changed, because labels still wait to be saved: "
            f"{store.last_error or 'the disk is slow'}. Try again once they are."
        )
    if project is not None:
        project.set_scheme(scheme)
    if store is not None and project is not None:
        store.mask.follow_scheme(scheme)
    elif store is not None:
        store.set_scheme(scheme, checked=True)
