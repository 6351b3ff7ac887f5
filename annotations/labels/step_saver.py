"""Steps handed to the store in their order; what it refuses is told, and the next step goes on from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotations.errors import PartialSegError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from annotations.region import Region
    from annotations.store.label_store import LabelStore
    from annotations.store.strokes import Stroke

__all__ = ["StepSaver"]


@dataclass(frozen=True, slots=True)
class _Part:
    """What is handed over in one go; without a region it is the points alone."""

    region: Region | None
    records: Sequence[Stroke] = ()
    points: bool = False


class StepSaver:
    """Saves steps.

    Parameters
    ----------
    labels, strokes : ndarray of int8 and uint32, (H, W)
        What is saved, as it is at the moment of saving.
    store : LabelStore or None
        Where; nowhere with None.
    points : callable
        Returns the points as they are now, as plain values.
    tell : callable(str)
        Told what the store refuses.
    """

    def __init__(
        self,
        labels: NDArray[np.int8],
        strokes: NDArray[np.uint32],
        store: LabelStore | None,
        points: Callable[[], list[dict[str, Any]]],
        tell: Callable[[str], object],
    ) -> None:
        """Save nothing yet."""
        self._labels, self._strokes, self._store = labels, strokes, store
        self._points, self._tell = points, tell
        self._unsaved: list[_Part] = []

    def save(self, regions: tuple[Region, ...], records: list[Stroke], *, points: bool) -> None:
        """Hand over a step: where labels changed, the strokes that are new, and whether points are others."""
        if self._store is None:
            return
        if regions:
            first, *others = regions
            self._unsaved += [_Part(first, records, points), *(_Part(other) for other in others)]
        elif points:
            self._unsaved.append(_Part(None, points=True))
        self.hand_over()

    def hand_over(self) -> None:
        """Hand over what waits, up to what the store refuses; each part is handed over once."""
        while self._store is not None and self._unsaved:
            try:
                self._submit(self._store, self._unsaved[0])
            except PartialSegError as error:
                self._tell(str(error))
                return
            self._unsaved.pop(0)

    def _submit(self, store: LabelStore, part: _Part) -> None:
        plain = self._points() if part.points else None
        if part.region is not None:
            at = part.region.slices
            store.submit(part.region, self._labels[at], self._strokes[at], part.records, points=plain)
        elif plain is not None:
            store.submit_points(plain)
