"""An orthophoto open in the viewer: its layers, its labels on disk and the worker that learns it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from annotations.scores import mean_iou
from napari_partialseg.session.label_work import LabelWork
from napari_partialseg.session.layer_watch import LayerWatch
from napari_partialseg.session.layers import SessionLayers, make_layers
from napari_partialseg.session.places import PlaceGuide
from napari_partialseg.session.snapshot import Snapshot
from napari_partialseg.session.worker_link import WorkerLink

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Image
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from annotations.region import Region
    from napari_partialseg.session.hand import Hand
    from napari_partialseg.session.worker_client import WorkerClient
    from trainer.opened.open_image import OpenedImage

__all__ = ["Session"]

_SAVE_SECONDS = 0.5  # a person waits for the answer to Ctrl+S, and for no slow disk
_SCORED_PIXELS = 4e6


class Session(QObject):
    """Ties layers, labels and worker together, and says what it is in a frozen `snapshot`.

    Parameters
    ----------
    viewer : Viewer
        Where it is shown.
    opened_image : OpenedImage
        What is open; it is closed with the session.
    client : WorkerClient
        The worker's process.
    image : napari.layers.Image, optional
        The layer that shows the orthophoto already.

    Attributes
    ----------
    layers : SessionLayers
        What it shows.
    labels : LabelWork
        What is drawn, imported and taken back.
    worker : WorkerLink
        What learns it.
    watch : LayerWatch
        What keeps the layers as they must be: the hand, the view, the map as it comes.
    places : PlaceGuide
        What leads to where a label teaches most.

    Signals
    -------
    problem(text)
        Something the user should know.
    over(text)
        What was said as a problem holds no more.
    on_disk()
        Labels or points were written.
    scheme_changed()
        Classes were added, renamed or recoloured, and are shown so.
    note_here()
        A note is to be pinned to the place under the pointer.
    check_map()
        The map is to be checked at points, or no more.
    """

    problem = Signal(str)
    over = Signal(str)
    on_disk = Signal()
    scheme_changed = Signal()
    note_here = Signal()
    check_map = Signal()

    def __init__(
        self,
        viewer: Viewer,
        opened_image: OpenedImage,
        client: WorkerClient,
        image: Image | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        # napari hands plugins a proxy; layers compare by `is`
        self.viewer: Viewer = getattr(viewer, "__wrapped__", viewer)
        self.opened_image = opened_image
        self.client = client
        self._truth: NDArray[np.int8] | None = None
        self._mask_files: set[Path] = set()
        self._closed = False
        before = list(viewer.layers)
        try:
            with ExitStack() as ends:
                self._begin(image, ends)
                self._ends = ends.pop_all()
        except BaseException:  # layers that nobody saves must not be drawn on
            self._closed = True
            for layer in [layer for layer in viewer.layers if layer not in before]:
                viewer.layers.remove(layer)
            self.deleteLater()
            raise

    def _begin(self, image: Image | None, ends: ExitStack) -> None:
        """Make the parts; what was begun of them is ended where one cannot be."""
        opened_image = self.opened_image
        self.layers = _layers_of(opened_image, image)
        _add_layers(self.viewer, self.layers, image)
        self.watch = LayerWatch(self.viewer, self.layers, opened_image, self.client.send, self)
        ends.callback(self.watch.stop)
        self.labels = LabelWork(self.viewer, self.layers, opened_image, self)
        ends.callback(self.labels.stop)
        self.worker = WorkerLink(self.client, opened_image, self.watch.view.message, self)
        self.places = PlaceGuide(self.viewer, self.layers, opened_image, lambda: self.scheme, self)
        ends.callback(self.places.stop)
        self._connect()
        if not self.read_only:
            ends.callback(self.worker.stop)
            self.worker.begin()

    def _connect(self) -> None:
        watch, labels, worker = self.watch, self.labels, self.worker
        watch.replaced.connect(labels.adopt)
        watch.class_taken.connect(labels.select_class)
        watch.view.moved.connect(lambda _: worker.tell_view())
        watch.over.connect(self.over)
        labels.scheme_changed.connect(self._show_scheme)
        labels.written.connect(self._written)
        worker.tiles.connect(watch.tiles.add)
        worker.tiles.connect(self.places.map_changed)
        labels.changed.connect(self.places.labels_changed)
        watch.view.moved.connect(self.places.view_moved)
        for part in (watch, labels, worker):
            part.problem.connect(self.problem)

    # ------------------------------------------------------------------------------------------------- what it is

    @property
    def read_only(self) -> bool:
        """Whether nothing may be changed here."""
        return self.opened_image.read_only

    @property
    def scheme(self) -> ClassScheme:
        """The classes."""
        return self.opened_image.project.scheme

    @property
    def hand(self) -> Hand:
        """The class and the tool in use."""
        return self.watch.hand

    @property
    def truth(self) -> NDArray[np.int8] | None:
        """The truth mask, int8 of shape (H, W), if one is loaded."""
        return self._truth

    @property
    def mask_files(self) -> frozenset[Path]:
        """Files of truth and imported labels: no export may replace them."""
        return frozenset(self._mask_files)

    def snapshot(self) -> Snapshot:
        """Return what it is now."""
        opened_image, labels = self.opened_image, self.labels
        error = opened_image.store.last_error
        return Snapshot(
            name=opened_image.ortho.name,
            image=opened_image.ortho.path,
            project=opened_image.project.folder,
            shape=opened_image.ortho.shape,
            bands=opened_image.ortho.bands,
            read_only=self.read_only,
            scheme=self.scheme,
            counts=labels.counts(),
            ignored=labels.ignored(),
            blind=labels.blind(),
            points=labels.points,
            label=self.hand.label,
            tool=self.hand.tool,
            learning=self.worker.learning,
            unsaved="" if error is None else str(error),
        )

    def score(self) -> float | None:
        """Return the mIoU of the shown prediction against the truth, if one is loaded, on a subsample of 4 Mpx."""
        truth = self._truth
        if truth is None:
            return None
        step = max(1, int(np.sqrt(truth.size / _SCORED_PIXELS)))
        prediction = np.asarray(self.opened_image.prediction[::step, ::step])
        value = mean_iou(prediction, truth[::step, ::step], len(self.scheme), missing_is_wrong=False)
        return None if np.isnan(value) else value

    # -------------------------------------------------------------------------------------------------- changing it

    def set_truth(self, truth: NDArray[np.int8] | None) -> None:
        """Keep a truth mask for the score, or None."""
        self._truth = truth

    def spare(self, path: Path) -> None:
        """Let no export replace a file of truth or imported labels."""
        self._mask_files.add(path)

    def save_now(self) -> str:
        """Write what is not on disk yet; return what came of it, in a few words."""
        if self.read_only:
            return "open for reading only: there is nothing to save"
        self.labels.settle()
        store = self.opened_image.store
        if store.flush(_SAVE_SECONDS):
            return f"all labels are saved in {self.opened_image.project.folder.name}"
        return f"not saved yet: {store.last_error or 'the disk is slow'}; it is being tried on"

    def close(self, *, remove_layers: bool = False) -> None:
        """Save everything, let the worker go on with something else, and unlock the project."""
        if self._closed:
            return
        self._closed = True
        self._ends.close()
        if remove_layers:
            for layer in self.layers.all():
                if layer in self.viewer.layers:
                    self.viewer.layers.remove(layer)
        self.opened_image.close()

    def _show_scheme(self) -> None:
        self.watch.set_scheme(self.labels.scheme)
        self.worker.tell_classes(self.labels.scheme)
        self.scheme_changed.emit()

    def _written(self, region: Region) -> None:
        if self._closed:  # what the writer's thread said last: the worker may have something else open by now
            return
        self.on_disk.emit()
        self.worker.tell_labels(region)


def _layers_of(opened_image: OpenedImage, image: Image | None) -> SessionLayers:
    return make_layers(
        opened_image.ortho,
        opened_image.levels,
        opened_image.project.scheme,
        opened_image.labels,
        opened_image.prediction,
        opened_image.confidence,
        opened_image.doubt.margin,
        image,
    )


def _add_layers(viewer: Viewer, layers: SessionLayers, image: Image | None) -> None:
    """Show the layers, those that are not shown yet."""
    for layer in layers.all():
        if layer is not image:
            viewer.add_layer(layer)
    viewer.layers.selection.active = layers.labels
    if image is None:
        viewer.reset_view()
