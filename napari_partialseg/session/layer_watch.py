"""Watches over the layers of a session: what they hold, where they lie, what the hand holds, and what is in view."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_partialseg.session.fill import fill_in_view
from napari_partialseg.session.fixed import FixedLayers
from napari_partialseg.session.guard import ColormapGuard, LabelsGuard
from napari_partialseg.session.hand import Hand
from napari_partialseg.session.help import LayerHelp
from napari_partialseg.session.present import PresentLayers
from napari_partialseg.session.saving import SavingAsLabels
from napari_partialseg.session.tile_painter import TilePainter
from napari_partialseg.session.view import ViewWatcher
from napari_partialseg.session.yielding import StrokeWatcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from annotations.classes import ClassScheme
    from napari_partialseg.session.layers import SessionLayers
    from trainer import protocol
    from trainer.opened.open_image import OpenedImage

__all__ = ["LayerWatch"]


class LayerWatch(QObject):
    """All that keeps the layers of a session as they must be, begun and ended together.

    Parameters
    ----------
    viewer : Viewer
        Which shows the layers.
    layers : SessionLayers
        The layers of the session, in the viewer already.
    opened_image : OpenedImage
        What is open: its classes and map, and whether anything may be drawn.
    send : callable
        Takes messages for the worker.

    Signals
    -------
    problem(text)
        Something the user should know.
    over(text)
        What was said as a problem holds no more.
    replaced(array)
        Another array was put in the place of the labels'; ours is back.
    class_taken(index)
        The class that the next points get.
    """

    problem = Signal(str)
    over = Signal(str)
    replaced = Signal(object)
    class_taken = Signal(int)

    def __init__(
        self,
        viewer: Viewer,
        layers: SessionLayers,
        opened_image: OpenedImage,
        send: Callable[[protocol.Message], object],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        with ExitStack() as ends:
            self._keep_colours(layers, opened_image.project.scheme, ends)
            self._follow_view(viewer, layers, opened_image, ends)
            if opened_image.read_only:
                layers.labels.editable = False
                layers.points.editable = False
            self._keep_layers(viewer, layers, ends, read_only=opened_image.read_only)
            self.hand = Hand(viewer, layers, self.class_taken.emit, self.put_right, self)
            ends.callback(self.hand.stop)
            ends.callback(LayerHelp(viewer, layers).stop)
            ends.callback(SavingAsLabels(viewer, layers).stop)
            ends.callback(StrokeWatcher(viewer, send).stop)
            self._ends = ends.pop_all()

    def _keep_colours(self, layers: SessionLayers, scheme: ClassScheme, ends: ExitStack) -> None:
        labels = LabelsGuard(layers.labels, scheme, self.problem.emit)
        ends.callback(labels.stop)
        prediction = ColormapGuard(layers.prediction, scheme)
        ends.callback(prediction.stop)
        self._guards = (labels, prediction)

    def _follow_view(self, viewer: Viewer, layers: SessionLayers, opened_image: OpenedImage, ends: ExitStack) -> None:
        scale = layers.labels.scale
        self.view = ViewWatcher(viewer, (float(scale[-2]), float(scale[-1])), self)
        ends.callback(self.view.stop)
        self.tiles = TilePainter(layers, self.view.region, self)
        ends.callback(self.tiles.stop)
        self.view.moved.connect(lambda _: self.tiles.draw_view())
        fill_in_view(layers.labels, self.view.region, opened_image.prediction, self.problem.emit, self.over.emit)

    def _keep_layers(self, viewer: Viewer, layers: SessionLayers, ends: ExitStack, *, read_only: bool) -> None:
        self._present = PresentLayers(viewer, layers, self.problem.emit, self)
        ends.callback(self._present.stop)
        self._fixed = FixedLayers(
            viewer,
            layers,
            self.problem.emit,
            self.replaced.emit,
            read_only=read_only,
            take_back=self.over.emit,
            parent=self,
        )
        ends.callback(self._fixed.stop)

    def set_scheme(self, scheme: ClassScheme) -> None:
        """Show other classes."""
        for guard in self._guards:
            guard.set_scheme(scheme)

    def put_right(self) -> None:
        """Put back what is missing or broken before it is worked on."""
        self._present.put_back()
        self._fixed.check()

    def stop(self) -> None:
        """Leave the layers to napari."""
        self._ends.close()
