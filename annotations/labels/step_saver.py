"""Steps handed to the store in their order; what it refuses is told, and handed over again with the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotations.errors import PartialSegError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from annotations.region import Region
    from annotations.store.label_store import LabelStore
    from annotations.store.strokes import Stroke

__all__ = ["StepSaver"]


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
        self._unsaved: list[tuple[tuple[Region, ...], list[Stroke], bool]] = []

    def save(self, regions: tuple[Region, ...], records: list[Stroke], *, points: bool) -> None:
        """Hand over a step: where labels changed, the strokes that are new, and whether points are others."""
        if self._store is None:
            return
        self._unsaved.append((regions, records, points))
        while self._unsaved:
            try:
                self._submit(self._store, *self._unsaved[0])
            except PartialSegError as error:
                self._tell(str(error))
                return
            self._unsaved.pop(0)

    def _submit(self, store: LabelStore, regions: tuple[Region, ...], records: list[Stroke], points: bool) -> None:
        plain = self._points() if points else None
        if not regions and plain is not None:
            store.submit_points(plain)
        for i, region in enumerate(regions):
            first = i == 0
            store.submit(
                region,
                self._labels[region.slices],
                self._strokes[region.slices],
                records if first else (),
                points=plain if first else None,
            )
