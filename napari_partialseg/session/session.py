"""An orthophoto open in the viewer: its layers, its labels on disk and the worker that learns it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Qt, Signal

from annotations.errors import LabelError
from annotations.labels.labelling import Labelling
from annotations.scores import mean_iou
from napari_partialseg.session.counting import LabelCounter
from napari_partialseg.session.fill import fill_in_view
from napari_partialseg.session.filler import Filler
from napari_partialseg.session.fixed import FixedLayers
from napari_partialseg.session.guard import ColormapGuard, LabelsGuard, take_over
from napari_partialseg.session.hand import Hand
from napari_partialseg.session.help import LayerHelp
from napari_partialseg.session.layers import make_layers
from napari_partialseg.session.points import PointKeeper
from napari_partialseg.session.present import PresentLayers
from napari_partialseg.session.saving import SavingAsLabels
from napari_partialseg.session.tile_painter import TilePainter
from napari_partialseg.session.tracker import LabelTracker
from napari_partialseg.session.view import ViewWatcher
from napari_partialseg.session.yielding import StrokeWatcher
from trainer import protocol
from trainer.config import WorkConfig, from_plain, to_plain
from trainer.opened.message import open_message

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.layers import Image
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from annotations.labels.change import Change
    from annotations.region import Region
    from napari_partialseg.session.worker_client import WorkerClient
    from trainer.opened.prepare import Prepared

__all__ = ["Session"]

_SAVE_SECONDS = 0.5  # a person waits for the answer to Ctrl+S, and for no slow disk
_WATCHERS = ("_strokes", "hand", "present", "fixed", "_help", "_saving")
_WATCHERS += ("guard", "_prediction_guard", "view", "tiles", "points")


class Session(QObject):
    """Ties layers, journal, store and worker together.

    Signals
    -------
    status(Status), opened(Opened), progress(Progress), saved(Saved)
        Messages of the worker.
    problem(text)
        Something the user should know.
    explained(text, detail)
        What helps in a bug report, to a problem that was told just before.
    over(text)
        What was said as a problem holds no more.
    worker_died(text)
        The worker is gone; `restart_worker` starts it again.
    on_disk()
        Labels or points were written.
    not_on_disk(text)
        They could not be; it is tried on.
    labels_changed()
        Something was drawn or removed.
    scheme_changed()
        Classes were added, renamed or recoloured.
    """

    status = Signal(object)
    opened = Signal(object)
    progress = Signal(object)
    saved = Signal(object)
    problem = Signal(str)
    explained = Signal(str, str)
    over = Signal(str)
    worker_died = Signal(str)
    labels_changed = Signal()
    scheme_changed = Signal()
    on_disk = Signal()
    not_on_disk = Signal(str)
    _on_disk = Signal(object)
    _not_on_disk = Signal(str)

    def __init__(
        self,
        viewer: Viewer,
        prepared: Prepared,
        client: WorkerClient,
        image: Image | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._closed = False
        before = list(viewer.layers)
        try:
            self._set_up(viewer, prepared, client, image)
        except BaseException:
            self._undo(viewer, client, before)
            raise

    def _set_up(self, viewer: Viewer, prepared: Prepared, client: WorkerClient, image: Image | None) -> None:
        """Make layers and what watches over them."""
        self.viewer: Viewer = getattr(
            viewer, "__wrapped__", viewer
        )  # napari hands plugins a proxy; layers compare by `is`
        self.prepared = prepared
        self.client = client
        self.config = from_plain(WorkConfig, prepared.project.config)
        self.truth: NDArray[np.int8] | None = None
        self._mask_files: set[Path] = set()
        self.wants_training = False
        self.step = 0  # training steps that the worker's network has seen
        self._revision = 0
        self.layers = make_layers(
            prepared.ortho,
            prepared.levels,
            self.scheme,
            prepared.labels,
            prepared.prediction,
            prepared.confidence,
            image,
        )
        self._add_layers(image)
        self.guard = LabelsGuard(self.layers.labels, self.scheme, self.problem.emit)
        self._prediction_guard = ColormapGuard(self.layers.prediction, self.scheme)
        self.labelling = Labelling(
            prepared.labels,
            prepared.strokes,
            self.scheme,
            prepared.points,
            store=None if self.read_only else prepared.store,
            project=None if self.read_only else prepared.project,
            next_number=prepared.store.next_number(),
            known=prepared.store.strokes(),
            tell=self.problem.emit,
        )
        self.journal = self.labelling.journal
        self._filler = Filler(self)
        self._counts = LabelCounter(prepared.labels, prepared.ortho, self)
        self._counts.changed.connect(self.labels_changed)
        self._counts.hint.connect(self.problem)
        self.tiles = TilePainter(self.layers, self)
        scale = self.layers.labels.scale
        self.view = ViewWatcher(viewer, (float(scale[-2]), float(scale[-1])), self)
        tell = self.problem.emit, self.over.emit
        fill_in_view(self.layers.labels, self.view.region, prepared.prediction, *tell)
        self.view.moved.connect(lambda _: self.client.send(self.view.message()))
        self.tracker: LabelTracker | None = None
        self.points: PointKeeper | None = None
        if self.read_only:
            self.layers.labels.editable = False
            self.layers.points.editable = False
        self._keep_layers()
        if self.read_only:
            return
        others = [layer for layer in self.layers.all() if layer is not self.layers.labels]
        self.tracker = LabelTracker(self.layers.labels, self.labelling, others, self)
        self.tracker.happened.connect(self._happened)
        self.points = PointKeeper(self.layers.points, self.labelling, self.tracker.take_in, self)
        self.points.happened.connect(self._points_happened)
        self.points.problem.connect(self.problem)
        self.viewer.layers.selection.events.active.connect(self._active_layer_changed)
        # The store calls from its writer thread; queued signals bring that to this one.
        self._on_disk.connect(self._send_change, Qt.ConnectionType.QueuedConnection)
        self._not_on_disk.connect(self.not_on_disk, Qt.ConnectionType.QueuedConnection)
        prepared.store.tell(self._on_disk.emit, lambda error: self._not_on_disk.emit(str(error)))
        client.received.connect(self._receive)
        client.died.connect(self._worker_gone)
        self.open_in_worker()

    def _undo(self, viewer: Viewer, client: WorkerClient, before: list[Any]) -> None:
        """Leave nothing of a session that could not be made: layers that nobody saves must not be drawn on."""
        self._closed = True
        ends = [(name, "stop") for name in _WATCHERS] + [("tracker", "disconnect_layer")]
        for name, end in ends:
            part = getattr(self, name, None)
            with suppress(Exception):
                if part is not None:
                    getattr(part, end)()
        for signal, slot in ((client.received, self._receive), (client.died, self._worker_gone)):
            with suppress(Exception):
                signal.disconnect(slot)
        for layer in [layer for layer in viewer.layers if layer not in before]:
            viewer.layers.remove(layer)
        self.deleteLater()

    # ------------------------------------------------------------------------------------------------- what it is

    @property
    def read_only(self) -> bool:
        """Whether nothing may be changed here."""
        return self.prepared.read_only

    @property
    def scheme(self) -> ClassScheme:
        """The classes."""
        return self.prepared.project.scheme

    def counts(self) -> NDArray[np.int64]:
        """Return labelled pixels per class, those that can be learnt."""
        return self._counts.per_class(len(self.scheme))

    def ignored(self) -> int:
        """Return how many labelled pixels lie where the image has no data: they are kept, and not learnt."""
        return int(self._counts.ignored(len(self.scheme)).sum())

    def blind(self) -> bool:
        """Whether there is a class all of whose labels lie where the image has no data, or may do so."""
        return self._counts.blind(len(self.scheme))

    def score(self) -> float | None:
        """Return the mIoU of the shown prediction against the truth, if one is loaded, on a subsample of 4 Mpx."""
        if self.truth is None:
            return None
        step = max(1, int(np.sqrt(self.truth.size / 4e6)))
        prediction = np.asarray(self.prepared.prediction[::step, ::step])
        value = mean_iou(prediction, self.truth[::step, ::step], len(self.scheme), missing_is_wrong=False)
        return None if np.isnan(value) else value

    # ----------------------------------------------------------------------------------------------------- worker

    def open_in_worker(self) -> None:
        """Have the worker open this orthophoto."""
        self.client.start()
        self.client.send(open_message(self.prepared, self.config))
        self.client.send(self.view.message())
        if self.wants_training:
            self.client.send(protocol.Train())

    def restart_worker(self) -> None:
        """Start the worker again after it died; it goes on from its last checkpoint."""
        self.open_in_worker()

    def train(self) -> None:
        """Train, or go on."""
        self.wants_training = True
        if self.client.running:
            self.client.send(protocol.Train())
        else:
            self.open_in_worker()

    def pause(self) -> None:
        """Stop training for now."""
        self.wants_training = False
        self.client.send(protocol.Pause())

    def stop_training(self) -> None:
        """Stop training and predicting, and save."""
        self.wants_training = False
        self.client.send(protocol.Stop())

    def start_afresh(self, config: WorkConfig) -> None:
        """Begin with new weights and this configuration; the old checkpoint is kept."""
        self.config = config
        self.prepared.project.set_config(to_plain(config))
        self.client.send(protocol.StartAfresh(to_plain(config)))
        if self.wants_training:
            self.client.send(protocol.Train())

    def _receive(self, message: protocol.Message) -> None:
        match message:
            case protocol.Tiles():
                self.tiles.add(message)
            case protocol.Progress():
                self.step = message.step
                self.progress.emit(message)
            case protocol.Status():
                self.status.emit(message)
            case protocol.Opened():
                self.step = message.step
                self.opened.emit(message)
            case protocol.Saved():
                self.saved.emit(message)
            case protocol.Problem(fatal=False):
                self._tell(message.text, message.detail)
            case protocol.Unknown(line=line, reason=reason):
                self._tell(f"The worker said something this viewer does not know: {reason}", line)

    def _tell(self, text: str, detail: str) -> None:
        self.problem.emit(text)
        if detail:
            self.explained.emit(text, detail)

    def _worker_gone(self, text: str) -> None:
        self.worker_died.emit(f"{text} All your labels are safe. Restart it to go on from its last checkpoint.")

    # ----------------------------------------------------------------------------------------------------- labels

    def select_class(self, index: int) -> None:
        """Draw with this class from now on, with the brush as with points."""
        self.hand.take_class(index)

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
        self._happened(self.labelling.set_scheme(scheme))

    def add_labels(self, mask: NDArray[np.int8], tool: str, origin: Any) -> int:
        """Label what is not labelled yet as the mask says; what a person drew stays. Return how many pixels."""
        if self.tracker is None:
            return 0
        self.settle()
        added, change = self.labelling.add_labels(mask, tool, origin)
        self.tracker.tell(change)
        return added

    def fill_in(self, mask: NDArray[np.int8], tool: str, origin: Any, done: Callable[[int], object]) -> None:
        """Do as `add_labels` does, part by part while the viewer goes on; `done` is told how many pixels."""
        if self.tracker is None:
            done(0)
            return
        self.settle()
        self._filler.fill(self.labelling.begin_filling(mask, tool, origin), self.tracker.tell, done)

    def remove_origin(self, origin: str) -> int:
        """Un-label what came from an origin ("random", "imported") and nobody drew over; return how many pixels."""
        if self.tracker is None:
            return 0
        self.settle()
        removed, change = self.labelling.remove_origin(origin)
        self.tracker.tell(change)
        return removed

    def undo(self) -> None:
        """Take back the newest step, whatever it was."""
        if self.tracker is not None:
            self.tracker.undo()

    def redo(self) -> None:
        """Do again what was taken back last."""
        if self.tracker is not None:
            self.tracker.redo()

    def _happened(self, change: Change) -> None:
        """Show what is different in labels, points and classes."""
        if change.scheme:
            self._show_scheme()
        if change.points and self.points is not None:
            self.points.show()
        self._counts.update(change.regions)
        if change:
            self.labels_changed.emit()

    def _points_happened(self, change: Change) -> None:
        if self.tracker is not None:
            self.tracker.tell(replace(change, points=False))  # the layer shows them already

    def _show_scheme(self) -> None:
        scheme = self.labelling.scheme
        self.guard.set_scheme(scheme)
        self._prediction_guard.set_scheme(scheme)
        if self.points is not None:
            self.points.recolour()
        self.client.send(protocol.SetClasses(scheme.to_json()))
        self.scheme_changed.emit()

    def _active_layer_changed(self, event: object = None) -> None:
        if self.points is not None and self.viewer.layers.selection.active is not self.layers.points:
            self.points.deselect()

    def _send_change(self, region: Region) -> None:
        self.on_disk.emit()
        if not region.empty:
            self._revision += 1
            self.client.send(protocol.LabelsChanged((region,), self._revision))

    # ------------------------------------------------------------------------------------------------------ layers

    def _add_layers(self, image: Image | None) -> None:
        for layer in self.layers.all():
            if layer is not image:
                self.viewer.add_layer(layer)
        self.viewer.layers.selection.active = self.layers.labels
        if image is None:
            self.viewer.reset_view()

    def _keep_layers(self) -> None:
        """Watch over the layers: what they hold, where they lie, that they are there, and what the hand holds."""
        self.present = PresentLayers(self.viewer, self.layers, self.problem.emit, self)
        self.fixed = FixedLayers(
            self.viewer,
            self.layers,
            self.problem.emit,
            self._adopt_labels,
            read_only=self.read_only,
            take_back=self.over.emit,
            parent=self,
        )
        self.hand = Hand(self.viewer, self.layers, self._point_class, self._whole, self)
        self._help = LayerHelp(self.viewer, self.layers)
        self._saving = SavingAsLabels(self.viewer, self.layers)
        self._strokes = StrokeWatcher(self.viewer, self.client.send)

    def _whole(self) -> None:
        """Put back what is missing or broken before it is worked on."""
        self.present.put_back()
        self.fixed.check()

    def _point_class(self, index: int) -> None:
        if self.points is not None:
            self.points.select_class(index)

    def _adopt_labels(self, other: Any) -> None:
        """Take over what was put in the place of the labels' array, as one edit; refuse what labels cannot be."""
        layer, labels = self.layers.labels, self.prepared.labels
        self.settle()
        try:
            region, count = take_over(labels, other, len(self.scheme), layer.name)
        except LabelError as error:
            self.problem.emit(f"{error} The labels are as they were.")
            return
        if count and self.tracker is not None:
            self.tracker.record(region, "replace", "drawn")
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

    def save_now(self) -> str:
        """Write what is not on disk yet; return what came of it, in a few words."""
        if self.read_only:
            return "open for reading only: there is nothing to save"
        self.settle()
        store = self.prepared.store
        if store.flush(_SAVE_SECONDS):
            return f"all labels are saved in {self.prepared.project.folder.name}"
        return f"not saved yet: {store.last_error or 'the disk is slow'}; it is being tried on"

    def settle(self) -> None:
        """Note everything that was drawn up to now."""
        if self.tracker is not None:
            self.tracker.look_for_changes()

    def close(self, *, remove_layers: bool = False) -> None:
        """Save everything, let the worker go on with something else, and unlock the project."""
        if self._closed:
            return
        self._closed = True
        self.hand.stop()
        self.present.stop()
        self.fixed.stop()
        self._help.stop()
        self._saving.stop()
        self._strokes.stop()
        self.guard.stop()
        self._prediction_guard.stop()
        self._counts.stop()
        self.view.stop()
        self.tiles.stop()
        self._filler.stop()
        self.settle()
        if self.tracker is not None:
            self.tracker.disconnect_layer()
        if self.points is not None:
            self.viewer.layers.selection.events.active.disconnect(self._active_layer_changed)
            self.points.stop()
        if not self.read_only:
            self.client.received.disconnect(self._receive)
            self.client.died.disconnect(self._worker_gone)
        if remove_layers:
            for layer in self.layers.all():
                if layer in self.viewer.layers:
                    self.viewer.layers.remove(layer)
        self.prepared.store.tell()
        self.prepared.close()

    @property
    def mask_files(self) -> frozenset[Path]:
        """Truth and imports: no export may replace them."""
        return frozenset(self._mask_files)

    def spare(self, path: Path) -> None:
        """Let no export replace a file of truth or imported labels."""
        self._mask_files.add(path)

    def set_truth(self, truth: Any) -> None:
        """Keep a truth mask for the score, or None."""
        self.truth = truth
