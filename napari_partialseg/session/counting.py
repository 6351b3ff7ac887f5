"""Counts labelled pixels, and tells a person once who labels ground of which the image has no data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from annotations.errors import RasterError
from annotations.labels.counts import LabelCounts
from napari_partialseg.job import Job

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from annotations.images.orthophoto import Orthophoto
    from annotations.region import Region

__all__ = ["LabelCounter"]

_MOSTLY = 0.5


class LabelCounter(QObject):
    """Keeps the counts of a session; where the image has no data is read from it in the background.

    Parameters
    ----------
    labels : ndarray of int8, (H, W)
        The live labels.
    ortho : Orthophoto
        The image.

    Signals
    -------
    changed()
        It became known that some labels lie on no data.
    hint(text)
        A stroke lies mostly on no data; told once.
    """

    changed = Signal()
    hint = Signal(str)

    def __init__(self, labels: NDArray[np.int8], ortho: Orthophoto, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._counts = LabelCounts(labels, masked=ortho.has_mask)
        self._ortho = ortho
        self._job: Job | None = None
        self._waiting: list[Region] = []  # strokes on ground not read yet
        self._hinted = not ortho.has_mask
        self._read_on()

    def per_class(self, n_classes: int) -> NDArray[np.int64]:
        """Return the labelled pixels of each class that can be learnt, int64 of shape (n_classes,)."""
        return self._counts.per_class(n_classes)

    def ignored(self, n_classes: int) -> NDArray[np.int64]:
        """Return the labelled pixels of each class that lie on no data, int64 of shape (n_classes,)."""
        return self._counts.ignored(n_classes)

    def blind(self, n_classes: int) -> bool:
        """Whether there is a class all of whose labels lie on no data, or may do so for all that is known yet."""
        lost = (self.ignored(n_classes) > 0) & (self.per_class(n_classes) == 0)
        return bool(lost.any()) or bool(self._counts.unread)

    def update(self, regions: Iterable[Region]) -> None:
        """Count anew where labels changed."""
        regions = list(regions)
        for region in regions:
            self._counts.update(region)
        if not self._hinted:
            self._waiting = [*self._waiting, *regions][-64:]
            self._judge()
        self._read_on()

    def stop(self) -> None:
        """Read no more; waits for the chunk that is being read."""
        if self._job is not None:
            self._job.cancel()
            self._job.wait(10)
            self._job = None

    def _read_on(self) -> None:
        chunks = self._counts.unread
        if not chunks or self._job is not None:
            return
        ortho = self._ortho

        def read(*, cancelled: Any, **_: Any) -> list[tuple[Region, NDArray[np.bool_]]]:
            found = []
            for chunk in chunks[:64]:
                if cancelled():
                    break
                try:
                    found.append((chunk, ortho.read_valid(chunk)))
                except RasterError:  # a damaged part is told where it is learnt
                    found.append((chunk, np.ones(chunk.shape, bool)))
            return found

        self._job = Job(read, self)
        self._job.done.connect(self._was_read)
        self._job.failed.connect(self._was_not_read)
        self._job.start()

    def _was_read(self, found: list[tuple[Region, NDArray[np.bool_]]]) -> None:
        if self._job is not None:
            self._job.deleteLater()
            self._job = None
        for chunk, valid in found:
            self._counts.read(chunk, valid)
        self._judge()
        self.changed.emit()
        self._read_on()

    def _was_not_read(self, text: str) -> None:
        self._job = None  # counts stay as they are: all labels count as learnt

    def _judge(self) -> None:
        """Look at strokes whose ground is known by now."""
        waiting = []
        for region in self._waiting:
            part = self._counts.part_ignored(region)
            if part is None:
                waiting.append(region)
            elif part > _MOSTLY and not self._hinted:
                self._hinted = True
                self.hint.emit(
                    "These labels lie mostly where the image has no data. They are kept, but nothing can be learnt "
                    "from them: draw where there is image."
                )
        self._waiting = [] if self._hinted else waiting
