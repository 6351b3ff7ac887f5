"""The labels of a session: what is drawn, imported and taken back, counted, and written to the disk."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Qt, Signal

from annotations.errors import LabelError
from annotations.labels.change import Change
from annotations.labels.labelling import Labelling
from napari_partialseg.session.counting import LabelCounter
from napari_partialseg.session.filler import Filler
from napari_partialseg.session.guard import take_over
from napari_partialseg.session.points import PointKeeper
from napari_partialseg.session.tracker import LabelTracker

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from annotations.labels.restoring import Recorded
    from napari_partialseg.session.layers import SessionLayers
    from trainer.opened.open_image import OpenedImage

__all__ = ["LabelWork"]

_STEPS = {"import": "an import", "random mask": "random labels"}


class LabelWork(QObject):
    """Labels, points and classes on the layers, in one history and on the disk.

    What is open for reading only is counted and shown; nothing here changes it.

    Parameters
    ----------
    viewer : Viewer
        Which shows the layers.
    layers : SessionLayers
        The layers of the session.
    opened_image : OpenedImage
        What is open.

    Signals
    -------
    changed()
        Something was drawn or removed, or is counted otherwise.
    scheme_changed()
        Classes were added, renamed or recoloured.
    problem(text)
        Something the user should know.
    written(Region)
        Labels are on disk (an empty region: points).
    not_written(text)
        They could not be written; it is tried on.
    large_step(text)
        Something is about to change a lot at once: "an import", for example.
    """

    changed = Signal()
    scheme_changed = Signal()
    problem = Signal(str)
    written = Signal(object)
    not_written = Signal(str)
    large_step = Signal(str)
    _written = Signal(object)
    _not_written = Signal(str)

    def __init__(
        self, viewer: Viewer, layers: SessionLayers, opened_image: OpenedImage, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layers = layers
        self._opened_image = opened_image
        self._labelling = _labelling(opened_image, self.problem.emit)
        self._tracker: LabelTracker | None = None
        self._points: PointKeeper | None = None
        with ExitStack() as ends:
            self._counts = LabelCounter(opened_image.labels, opened_image.ortho, self)
            ends.callback(self._counts.stop)
            self._counts.changed.connect(self.changed)
            self._counts.hint.connect(self.problem)
            if not opened_image.read_only:
                self._follow_layers(ends)
            self._filler = Filler(self)
            self._ends = ends.pop_all()

    def _follow_layers(self, ends: ExitStack) -> None:
        """Take what is done on the layers for strokes and points, and write them."""
        layers = self._layers
        others = [layer for layer in layers.all() if layer is not layers.labels]
        self._tracker = LabelTracker(layers.labels, self._labelling, others, self)
        ends.callback(self._tracker.disconnect_layer)
        self._tracker.happened.connect(self._happened)
        self._points = PointKeeper(layers.points, self._labelling, self._tracker.take_in, self)
        ends.callback(self._points.stop)
        self._points.happened.connect(self._points_happened)
        self._points.problem.connect(self.problem)
        active = self._viewer.layers.selection.events.active
        active.connect(self._active_layer_changed)
        ends.callback(active.disconnect, self._active_layer_changed)
        # The store calls from its writer thread; queued signals bring that to this one.
        self._written.connect(self.written, Qt.ConnectionType.QueuedConnection)
        self._not_written.connect(self.not_written, Qt.ConnectionType.QueuedConnection)
        self._opened_image.store.tell(self._written.emit, lambda error: self._not_written.emit(str(error)))
        ends.callback(self._opened_image.store.tell)

    # ----------------------------------------------------------------------------------------------- what there is

    @property
    def scheme(self) -> ClassScheme:
        """The classes."""
        return self._labelling.scheme

    @property
    def points(self) -> int:
        """How many points there are."""
        return len(self._labelling.points)

    def counts(self) -> tuple[int, ...]:
        """Return labelled pixels per class, those that can be learnt."""
        return tuple(int(n) for n in self._counts.per_class(len(self.scheme)))

    def ignored(self) -> int:
        """Return how many labelled pixels lie where the image has no data: they are kept, and not learnt."""
        return int(self._counts.ignored(len(self.scheme)).sum())

    def all_counts(self) -> tuple[int, ...]:
        """Return labelled pixels per class, wherever they lie."""
        n = len(self.scheme)
        return tuple(int(a + b) for a, b in zip(self._counts.per_class(n), self._counts.ignored(n), strict=True))

    def blind(self) -> bool:
        """Whether there is a class all of whose labels lie where the image has no data, or may do so."""
        return self._counts.blind(len(self.scheme))

    # --------------------------------------------------------------------------------------------------- changing it

    def select_class(self, index: int) -> None:
        """Give the next points this class."""
        if self._points is not None:
            self._points.select_class(index)

    def set_scheme(self, scheme: ClassScheme) -> None:
        """Take other names, colours, or more or fewer classes, as one step that can be undone.

        Raises
        ------
        LabelError
            A class that goes has labels.
        ProjectError
            It could not be saved; nothing has changed.
        """
        self.settle()
        if len(scheme) < len(self.scheme):
            self.large_step.emit("removing a class")
        self._happened(self._labelling.set_scheme(scheme))

    def add(self, mask: NDArray[np.int8], tool: str, origin: Any) -> int:
        """Label what is not labelled yet as the mask says; what a person drew stays. Return how many pixels."""
        if self._tracker is None:
            return 0
        self.settle()
        self.large_step.emit(_STEPS.get(tool, tool))
        added, change = self._labelling.add_labels(mask, tool, origin)
        self._tracker.tell(change)
        return added

    def fill_in(self, mask: NDArray[np.int8], tool: str, origin: Any, done: Callable[[int], object]) -> None:
        """Do as `add` does, part by part while the viewer goes on; `done` is told how many pixels."""
        if self._tracker is None:
            done(0)
            return
        self.settle()
        self.large_step.emit(_STEPS.get(tool, tool))
        self._filler.fill(self._labelling.begin_filling(mask, tool, origin), self._tracker.tell, done)

    def remove_origin(self, origin: str) -> int:
        """Un-label what came from an origin ("random", "imported") and nobody drew over; return how many pixels."""
        if self._tracker is None:
            return 0
        self.settle()
        self.large_step.emit(f"removing {origin} labels")
        removed, change = self._labelling.remove_origin(origin)
        self._tracker.tell(change)
        return removed

    def restore(self, recorded: Recorded, done: Callable[[int], object]) -> None:
        """Put labels, points and classes back as they were, part by part; `done` is told how many pixels changed.

        It is one step. Raises as `Labelling.begin_restoring` does; nothing is changed then.
        """
        if self._tracker is None:
            done(0)
            return
        self.settle()
        before = self.scheme
        restoring = self._labelling.begin_restoring(recorded)
        self._tracker.tell(Change(points=True, scheme=self.scheme != before))
        self._filler.fill(restoring, self._tracker.tell, done)

    def points_of(self, label: int) -> int:
        """Return how many points of a class there are."""
        return sum(point.label == label for point in self._labelling.points)

    def move_class(self, label: int, to: int, done: Callable[[int], object]) -> None:
        """Give all labels of a class to another one, or (-1) take them away; `done` is told how many pixels.

        It is one step, done part by part while the viewer goes on. Raises as `Labelling.begin_moving` does.
        """
        if self._tracker is None:
            done(0)
            return
        self.settle()
        self.large_step.emit("moving the labels of a class")
        moving = self._labelling.begin_moving(label, to)
        self._tracker.tell(Change(points=True))
        self._filler.fill(moving, self._tracker.tell, done)

    def adopt(self, other: Any) -> None:
        """Take over what was put in the place of the labels' array, as one edit; refuse what labels cannot be."""
        layer, labels = self._layers.labels, self._opened_image.labels
        self.settle()  # of the labels in memory nothing has changed yet
        self.large_step.emit("other data for the layer")
        try:
            region, count = take_over(labels, other, len(self.scheme), layer.name)
        except LabelError as error:
            self.problem.emit(f"{error} The labels are as they were.")
            return
        if count and self._tracker is not None:
            self._tracker.record(region, "replace", "drawn")
        layer.refresh()
        if count:
            self.problem.emit(
                f"Other data were given to {layer.name!r}: {count:,} pixels have another label now. That is saved, and "
                f"Ctrl+Z takes it back."
            )
        elif np.dtype(other.dtype) != labels.dtype:
            self.problem.emit(
                f"{layer.name!r} stays {labels.dtype}, in which -1 is unlabelled; its data type was put back, and no "
                f"label has changed."
            )

    def undo(self) -> None:
        """Take back the newest step, whatever it was."""
        if self._tracker is not None:
            self._tracker.undo()

    def redo(self) -> None:
        """Do again what was taken back last."""
        if self._tracker is not None:
            self._tracker.redo()

    def settle(self) -> None:
        """Note everything that was drawn up to now, points too."""
        if self._tracker is not None:
            self._tracker.look_for_changes()
        if self._points is not None:
            self._points.settle()

    def stop(self) -> None:
        """Finish what is being filled in, note everything, and follow the layers no more."""
        self._filler.stop()
        self.settle()
        self._ends.close()

    # --------------------------------------------------------------------------------------------------- following

    def _happened(self, change: Change) -> None:
        """Show what is different in labels, points and classes."""
        if change.scheme:
            self.scheme_changed.emit()
            if self._points is not None:
                self._points.recolour()
        if change.points and self._points is not None:
            self._points.show()
        self._counts.update(change.regions)
        if change:
            self.changed.emit()

    def _points_happened(self, change: Change) -> None:
        if self._tracker is not None:
            self._tracker.tell(replace(change, points=False))  # the layer shows them already

    def _active_layer_changed(self, event: object = None) -> None:
        if self._points is not None and self._viewer.layers.selection.active is not self._layers.points:
            self._points.deselect()


def _labelling(opened_image: OpenedImage, tell: Callable[[str], None]) -> Labelling:
    writable = not opened_image.read_only
    return Labelling(
        opened_image.labels,
        opened_image.strokes,
        opened_image.project.scheme,
        opened_image.points,
        store=opened_image.store if writable else None,
        project=opened_image.project if writable else None,
        next_number=opened_image.store.next_number(),
        known=opened_image.store.strokes(),
        tell=tell,
    )
