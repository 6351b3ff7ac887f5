"""The Partial Seg widget: its panels, and what happens when something is pressed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QMessageBox, QPushButton, QScrollArea, QVBoxLayout, QWidget
from superqt import QCollapsible

from annotations.classes import LANDCOVER_AI
from annotations.errors import PartialSegError
from napari_partialseg._background import Job
from napari_partialseg._banner import Banner
from napari_partialseg._classes_panel import ClassesPanel
from napari_partialseg._draw_panel import DrawPanel
from napari_partialseg._export_panel import ExportPanel
from napari_partialseg._exporting import Exporter
from napari_partialseg._focus import PanelManners
from napari_partialseg._image_panel import ImagePanel
from napari_partialseg._layers import MARK
from napari_partialseg._learn_panel import LearnPanel
from napari_partialseg._masking import MaskDesk
from napari_partialseg._masks_panel import MasksPanel
from napari_partialseg._prepare import Prepared, prepare
from napari_partialseg._session import Session
from napari_partialseg._shortcuts import ClassKeys, WorkKeys
from napari_partialseg._worker_client import WorkerClient

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image

__all__ = ["PartialSegWidget"]

_RASTERS = "Orthophotos (*.tif *.tiff *.png *.jpg *.jpeg *.vrt *.jp2);;All files (*)"
_SCORE_MILLISECONDS = 1500
_SAVE_SECONDS = 10.0
_HEADING = "text-align: left; font-weight: bold; background: transparent; border: none; padding: 4px 0;"


class PartialSegWidget(QWidget):
    """The dock widget: open, draw, train, correct, export.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer it is docked in.
    client : WorkerClient, optional
        The worker to use; by default one of its own.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, client: WorkerClient | None = None) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.session: Session | None = None
        # Started now, so that it has imported torch by the time somebody presses Train.
        self.client = WorkerClient(self) if client is None else client
        self.client.start()
        self._job: Job | None = None
        self._keys: ClassKeys | None = None
        self._work_keys: WorkKeys | None = None
        self._window: QObject | None = None
        self._closed = False
        self._opening = False
        self.truth_wanted: str | Path | None = None  # loaded as soon as an orthophoto is open
        self._build()
        self._score_timer = QTimer(self)
        self._score_timer.setInterval(_SCORE_MILLISECONDS)
        self._score_timer.timeout.connect(self._show_score)
        self.destroyed.connect(self.client.end)
        QTimer.singleShot(0, self._adopt_image)
        napari_viewer.layers.events.inserted.connect(self._layer_added)

    # ----------------------------------------------------------------------------------------------------- layout

    def _build(self) -> None:
        self._title = QLabel("<b>No orthophoto open</b>")
        self._title.setWordWrap(True)
        open_image = QPushButton("Open orthophoto…")
        open_image.setToolTip("GeoTIFF, PNG or JPEG; a project folder is made beside it")
        open_image.clicked.connect(self._ask_image)
        open_project = QPushButton("Open project…")
        open_project.setToolTip("A folder that ends in .partialseg")
        open_project.clicked.connect(self._ask_project)
        top = QHBoxLayout()
        top.addWidget(open_image)
        top.addWidget(open_project)
        self.banner = Banner()
        self.image_panel = ImagePanel()
        self.image_panel.changed.connect(self._use_bands)
        self.image_panel.refused.connect(self.banner.say)
        self.classes = ClassesPanel(LANDCOVER_AI)
        self.classes.selected.connect(self._choose_class)
        self.classes.edited.connect(self._scheme_edited)
        self.classes.refused.connect(self.banner.say)
        self.draw = DrawPanel()
        self.draw.set_session(None)
        self.learn = LearnPanel()
        self.learn.train.connect(self.train)
        self.learn.pause.connect(lambda: self.session and self.session.pause())
        self.learn.stop.connect(lambda: self.session and self.session.stop_training())
        self.learn.afresh.connect(self._ask_afresh)
        self.masks = MasksPanel()
        self.mask_desk = MaskDesk(self.masks, self)
        self.mask_desk.failed.connect(self.banner.say)
        self.mask_desk.done.connect(self._tell)
        self.mask_desk.set_session(None)
        self.exports = ExportPanel()
        self.exporter = Exporter(self.exports, self)
        self.exporter.failed.connect(self.banner.say)
        self.exporter.written.connect(lambda path: self._tell(f"written: {path}"))
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self._title)
        layout.addLayout(top)
        layout.addWidget(self.banner)
        for title, panel, expanded in (
            ("Image", self.image_panel, False),
            ("Classes", self.classes, True),
            ("Draw", self.draw, True),
            ("Learn", self.learn, True),
            ("Random and imported labels", self.masks, False),
            ("Export", self.exports, False),
        ):
            section = QCollapsible(title)
            section.setObjectName("PartialSegSection")
            section.toggleButton().setStyleSheet(_HEADING)
            section.layout().setSpacing(2)
            section.content().layout().setContentsMargins(0, 0, 0, 0)
            section.addWidget(panel)
            if expanded:
                section.expand(animate=False)
            layout.addWidget(section)
        layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        self._inner, self._bar = inner, scroll.verticalScrollBar()
        inner.installEventFilter(self)
        self._manners = PanelManners(self, lambda held: self.session and self.session.hand.hold_move(held))
        self._fit_width()

    def _fit_width(self) -> None:
        """No sideways scrolling: the dock is at least as wide as what is in it, also once styles and texts change."""
        width = max(340, self._inner.minimumSizeHint().width() + self._bar.sizeHint().width() + 4)
        if width > self.minimumWidth():
            self.setMinimumWidth(width)

    # ----------------------------------------------------------------------------------------------------- opening

    def open_path(self, path: str | Path, *, folder: str | Path | None = None, image: Image | None = None) -> None:
        """Open an orthophoto or a project; returns at once, `session` is there when it is read.

        Parameters
        ----------
        path : str or Path
            A raster, or a project folder.
        folder : str or Path, optional
            The project folder for a raster; by default the one beside it.
        image : napari.layers.Image, optional
            The layer that already shows the raster.
        """
        self.close_session()
        self._opening = True
        self._title.setText(f"<b>{Path(path).name}</b><br>reading…")
        before = self._job

        def read(**tools: Any) -> Prepared:
            if before is not None:  # it may hold the same project a moment longer
                before.wait()
            return prepare(path, folder=folder, **tools)

        self._job = Job(read, self, dropped=Prepared.close)
        self._job.progress.connect(lambda part: self._title.setText(f"<b>{Path(path).name}</b><br>reading… {part:.0%}"))
        self._job.done.connect(lambda prepared: self._show(prepared, image))
        self._job.failed.connect(self._could_not_open)
        self._job.start()

    def _could_not_open(self, text: str) -> None:
        self._opening = False
        self._title.setText("<b>No orthophoto open</b>")
        self.banner.say(text)

    def _show(self, prepared: Prepared, image: Image | None) -> None:
        self._opening = False
        if self._closed:
            prepared.close()
            return
        self._watch_window()
        session = Session(self.viewer, prepared, self.client, image, self)
        self.session = session
        session.status.connect(lambda m: self.learn.show_state(m.state, m.text))
        session.opened.connect(self.learn.show_opened)
        session.progress.connect(self.learn.show_progress)
        session.problem.connect(self.banner.say)
        session.worker_died.connect(self._worker_died)
        session.labels_changed.connect(self._show_counts)
        session.scheme_changed.connect(self._show_scheme)
        session.hand.changed.connect(self._show_class)
        self.learn.set_config(session.config)
        self.learn.set_ready(not session.read_only)
        self.draw.set_session(session)
        self.classes.setEnabled(not session.read_only)
        self.mask_desk.set_session(session)
        self.exporter.set_session(session)
        self._show_scheme()
        self._show_counts()
        height, width = prepared.ortho.shape
        self._title.setText(
            f"<b>{prepared.ortho.name}</b><br>{width:,} × {height:,} px, {prepared.ortho.bands} bands"
            f"<br><span style='font-size: small'>project: {prepared.project.folder.name}</span>"
        )
        self._title.setToolTip(str(prepared.project.folder))
        self.image_panel.set_image(prepared.ortho, editable=not session.read_only)
        if prepared.note:
            self.banner.say(prepared.note)
        if session.read_only:
            self.learn.show_state("stopped", "open for reading only")
        self.classes.select(0)
        self._show_class()
        if self._keys is not None and self._window is not None:
            self._work_keys = WorkKeys(self._window, session, self._keys, self._tell, self)
        self._score_timer.start()
        if self.truth_wanted is not None:
            truth, self.truth_wanted = self.truth_wanted, None
            self.mask_desk.load_truth(truth)

    def _adopt_image(self) -> None:
        """Open the orthophoto that napari has loaded (napari IMAGE -w napari-partialseg, or File > Open)."""
        if self._closed or self.session is not None or self._opening:
            return
        for layer in self.viewer.layers:
            if layer.metadata.get(MARK) == "image" and "path" in layer.metadata:
                self.truth_wanted = layer.metadata.get("truth")
                folder = layer.metadata.get("project")
                self.open_path(folder or layer.metadata["path"], image=layer)
                return

    def _layer_added(self, event: Any) -> None:
        if event.value.metadata.get(MARK) == "image" and self.session is None and not self._opening:
            QTimer.singleShot(0, self._adopt_image)  # not while napari is still adding it

    def _ask_image(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open an orthophoto", "", _RASTERS)
        if path:
            self.open_path(path)

    def _ask_project(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a project folder (.partialseg)")
        if path:
            self.open_path(path)

    def _use_bands(self, roles: Any) -> None:
        """Use the image's bands otherwise: it is closed and opened again, here and in the worker."""
        if self.session is None or self.session.read_only:
            return
        prepared = self.session.prepared
        path, folder = prepared.ortho.path, prepared.project.folder
        try:
            prepared.project.set_roles(prepared.entry.id, roles)
        except PartialSegError as error:
            self.banner.say(str(error))
            return
        self.open_path(path, folder=folder)

    # ----------------------------------------------------------------------------------------------------- drawing

    def _choose_class(self, index: int) -> None:
        if self.session is not None:
            self.session.select_class(index)

    def _show_class(self) -> None:
        if self.session is not None:
            self.classes.select(self.session.hand.label)

    def _clear_work_keys(self) -> None:
        if self._work_keys is not None:
            self._work_keys.clear()
            self._work_keys.deleteLater()
            self._work_keys = None

    def _scheme_edited(self, scheme: Any) -> None:
        if self.session is None:
            return
        try:
            self.session.set_scheme(scheme)
        except PartialSegError as error:
            self.banner.say(str(error))
            self.classes.set_scheme(self.session.scheme)

    def _show_scheme(self) -> None:
        if self.session is not None:
            if self.classes.scheme != self.session.scheme:
                self.classes.set_scheme(self.session.scheme)
            if self._keys is not None:
                self._keys.set_scheme(self.session.scheme)

    def _show_counts(self) -> None:
        if self.session is not None:
            self.classes.set_counts([int(n) for n in self.session.counts()])

    def _tell(self, text: str) -> None:
        self.viewer.status = text

    def _show_score(self) -> None:
        if self.session is not None:
            self.learn.show_score(self.session.score())

    # ---------------------------------------------------------------------------------------------------- training

    def train(self) -> None:
        """Train from now on."""
        if self.session is not None:
            self.session.train()

    def _ask_afresh(self, config: Any) -> None:
        answer = QMessageBox.question(
            self,
            "Start afresh?",
            "What the network has learnt is set aside (the file stays in the project) and training begins with new "
            "weights. Your labels are kept.",
        )
        if answer == QMessageBox.StandardButton.Yes and self.session is not None:
            self.session.start_afresh(config)

    def _worker_died(self, text: str) -> None:
        self.learn.show_state("died", "the worker is not running")
        session = self.session
        if session is not None:
            self.banner.say(text, "Restart worker", session.restart_worker, detail=self.client.last_lines)

    # ------------------------------------------------------------------------------------------------------ ending

    def close_session(self) -> None:
        """Save and close what is open."""
        if self._job is not None:
            self._job.cancel()
        if self.session is None:
            return
        self._score_timer.stop()
        self._clear_work_keys()
        self.draw.set_session(None)
        self.image_panel.set_image(None)
        self.learn.set_ready(False)
        self.mask_desk.set_session(None)
        self.exporter.set_session(None)
        self._save_or_ask()
        session, self.session = self.session, None
        session.close(remove_layers=True)
        session.deleteLater()
        self._title.setText("<b>No orthophoto open</b>")

    def shut_down(self) -> None:
        """End the worker and close the project; the viewer is closing."""
        if self._closed:
            return
        self._closed = True
        self.viewer.layers.events.inserted.disconnect(self._layer_added)
        self._clear_work_keys()
        if self._keys is not None:
            self._keys.clear()
            self._keys.deleteLater()
            self._keys = None
        if self._window is not None:
            self._window.removeEventFilter(self)
            self._window = None
        if self._job is not None:
            self._job.cancel()
        self._score_timer.stop()
        for part in (self.draw, self.mask_desk, self.exporter):
            part.set_session(None)
        self.client.end()
        if self.session is not None:
            self._save_or_ask()
            self.session.close()
            self.session.deleteLater()
            self.session = None

    def _save_or_ask(self) -> None:
        """Do not let go of labels that are not on disk, unless the user says so."""
        session = self.session
        if session is None:
            return
        session.settle()
        store = session.prepared.store
        while not store.flush(_SAVE_SECONDS):
            buttons = QMessageBox.StandardButton.Retry | QMessageBox.StandardButton.Discard
            text = (
                f"{store.last_error or 'The disk is slow.'}\n\nMake room and try again; else the last strokes are lost."
            )
            if QMessageBox.warning(self, "Labels not saved", text, buttons) == QMessageBox.StandardButton.Discard:
                return

    def _watch_window(self) -> None:
        window = self.window()
        if self._window is None and window is not self:
            self._window = window
            window.installEventFilter(self)
            self._keys = ClassKeys(window, self._choose_class, self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the width of the panels, and shut down when the main window has closed.

        Its close event comes before anybody could still say no.
        """
        if watched is self._inner and event.type() == QEvent.Type.LayoutRequest:
            self._fit_width()
        if watched is self._window and event.type() == QEvent.Type.Hide and not event.spontaneous():
            self.shut_down()
        return False

    def closeEvent(self, event: Any) -> None:
        """Shut down when the widget itself is closed."""
        self.shut_down()
        super().closeEvent(event)
