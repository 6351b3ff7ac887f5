"""The Partial Seg widget: its panels, and what happens when something is pressed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QFileDialog, QLabel, QMainWindow, QMessageBox, QWidget
from superqt.utils import QSignalDebouncer

from annotations.classes import LANDCOVER_AI
from annotations.errors import OrthophotoError, PartialSegError
from annotations.project.project import Project
from napari_partialseg.jobs.export import Exporter
from napari_partialseg.jobs.locate import RASTERS, Locator
from napari_partialseg.jobs.masks import MaskDesk
from napari_partialseg.jobs.opening import Opener, Wanted, home_of
from napari_partialseg.one_panel import OnePerViewer
from napari_partialseg.panels.banner import Banner
from napari_partialseg.panels.classes import ClassesPanel
from napari_partialseg.panels.draw import DrawPanel
from napari_partialseg.panels.export import ExportPanel
from napari_partialseg.panels.focus import PanelManners
from napari_partialseg.panels.image import ImagePanel
from napari_partialseg.panels.layout import Header, PanelLayout
from napari_partialseg.panels.learn import LearnPanel
from napari_partialseg.panels.masks import MasksPanel
from napari_partialseg.session.layers import MARK
from napari_partialseg.session.session import Session
from napari_partialseg.session.shortcuts import ClassKeys, WorkKeys
from napari_partialseg.session.worker_client import WorkerClient
from napari_partialseg.words import as_text

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image

    from annotations.classes import ClassScheme
    from napari_partialseg.job import Job
    from trainer.opened.prepare import Prepared

__all__ = ["PartialSegWidget"]

_SCORE_MILLISECONDS = 1500
_SAVE_SECONDS = 10.0
_OPENING, _DISK, _WEIGHTS, _WORKER, _SESSION = "opening", "disk", "weights", "worker", "session"  # causes of messages
_NO_DATA = "no data"

_between: set[PartialSegWidget] = set()
"""Panels without a dock and a window for a moment: nobody else holds them."""


class PartialSegWidget(QWidget, metaclass=OnePerViewer):
    """The dock widget: open, draw, train, correct, export.

    A viewer has one: closed by its cross it goes on out of sight, and asked for again it is the same.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer it is docked in.
    client : WorkerClient, optional
        The worker to use; by default one of its own.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, client: WorkerClient | None = None) -> None:
        super().__init__()
        self._closed = False
        self._window: QMainWindow | None = None
        self.viewer = napari_viewer
        self.session: Session | None = None
        # Started now, so that it has imported torch by the time somebody presses Train.
        self.client = WorkerClient(self) if client is None else client
        self.client.start()
        self._keys: ClassKeys | None = None
        self._work_keys: WorkKeys | None = None
        self._scheme_wanted: ClassScheme | None = None  # edited before anything was open
        self._build()
        self._opener = Opener(lambda: self.session, self._let_go, self._take_up, self)
        self._opener.changed.connect(self._show_title)
        self._opener.failed.connect(self._could_not_open)
        self._locator = Locator(self)
        self._locator.found.connect(lambda it: self.open_path(it.path, folder=it.folder, truth=it.truth))
        self._locator.failed.connect(self._could_not_open)
        self._soon = QSignalDebouncer(parent=self)
        self._soon.triggered.connect(self._stay)
        self._score_timer = QTimer(self)
        self._score_timer.setInterval(_SCORE_MILLISECONDS)
        self._score_timer.timeout.connect(self._show_score)
        self.destroyed.connect(self.client.end)
        QTimer.singleShot(0, self._adopt_image)
        napari_viewer.layers.events.inserted.connect(self._layer_added)
        napari_viewer.events.theme.connect(self._show_theme)
        self._show_theme()
        self._show_title()

    @property
    def usable(self) -> bool:
        """Whether it has not been shut down."""
        return not self._closed

    @property
    def _job(self) -> Job | None:
        return self._opener.job

    # ----------------------------------------------------------------------------------------------------- layout

    def _build(self) -> None:
        self.header = Header()
        self._title = self.header.title
        self.header.open_image.clicked.connect(self._ask_image)
        self.header.open_project.clicked.connect(self._ask_project)
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
        self._layout = PanelLayout(
            self,
            above=(self.header, self.banner),
            sections=(
                ("Image", self.image_panel, False),
                ("Classes", self.classes, True),
                ("Draw", self.draw, True),
                ("Learn", self.learn, True),
                ("Random and imported labels", self.masks, False),
                ("Export", self.exports, False),
            ),
            below=(self.learn.controls,),
        )
        self.exports.begun.connect(lambda: self._layout.bring_into_view(self.exports.last))
        self._manners = PanelManners(self, lambda held: self.session and self.session.hand.hold_move(held))

    def _show_theme(self, event: object = None) -> None:
        """Fit the theme of the viewer."""
        back = get_theme(self.viewer.theme).background
        self.banner.set_dark(QColor(back.as_hex()).lightness() < 128)

    def _show_title(self) -> None:
        """Say what is open, and what is being read."""
        session, wanted = self.session, self._opener.reading
        if session is None:
            self.header.show_open("", "")
        else:
            prepared = session.prepared
            height, width = prepared.ortho.shape
            self.header.show_open(
                prepared.ortho.name,
                f"{width:,} × {height:,} px, {prepared.ortho.bands} bands; {prepared.project.folder.name}",
                f"{prepared.ortho.path}\nproject: {prepared.project.folder}",
            )
        part = f" {self._opener.part:.0%}" if self._opener.part else ""
        self.header.show_reading(f"reading {wanted.path.name}…{part}" if wanted is not None else "")
        # The scheme of a new project is taken as it is when the reading begins.
        self.classes.setEnabled(not session.read_only if session is not None else wanted is None)

    # ----------------------------------------------------------------------------------------------------- opening

    def open_path(
        self,
        path: str | Path,
        *,
        folder: str | Path | None = None,
        image: Image | None = None,
        truth: str | Path | None = None,
    ) -> None:
        """Open an orthophoto or a project; returns at once, `session` is there when it is read.

        What is open stays open until the new one is ready, and if that fails; only the project that is open itself is
        closed first, since it cannot be held twice.

        Parameters
        ----------
        path : str or Path
            A raster, or a project folder.
        folder : str or Path, optional
            The project folder for a raster; by default the one beside it.
        image : napari.layers.Image, optional
            The layer that already shows the raster.
        truth : str or Path, optional
            A truth mask, loaded as soon as the orthophoto is open.
        """
        path, home = Path(path), None if folder is None else Path(folder)
        new = not Project.is_project(home_of(path, home))
        self.banner.clear(_OPENING)
        self._opener.open(Wanted(path, home, image, new, truth=truth), self._scheme_wanted or LANDCOVER_AI)

    def _could_not_open(self, text: str, error: object, wanted: Wanted) -> None:
        if isinstance(error, OrthophotoError):
            self.banner.say(text, "Locate…", lambda: self._locator.ask(error, wanted), cause=_OPENING)
        else:
            self.banner.say(text, cause=_OPENING)

    def _take_up(self, prepared: Prepared, wanted: Wanted) -> None:
        """Open a session with what was read."""
        self._watch_window()
        session = Session(self.viewer, prepared, self.client, wanted.image, self)
        try:
            self._show(session, prepared)
        except BaseException:
            self.session = session
            self._let_go()
            raise
        dropped, self._scheme_wanted = self._scheme_wanted, None
        if dropped is not None and dropped != session.scheme:
            self.banner.say(
                f"{prepared.project.folder.name} has classes of its own, which are shown now; those edited before it "
                "was opened are not used.",
                cause=_SESSION,
            )
        if wanted.truth is not None:
            self.mask_desk.load_truth(wanted.truth)
        if wanted.training:
            self.train()

    def _show(self, session: Session, prepared: Prepared) -> None:
        self.session = session
        session.status.connect(lambda m: self.learn.show_state(m.state, m.text))
        session.opened.connect(self._worker_opened)
        session.progress.connect(self.learn.show_progress)
        session.saved.connect(lambda message: message.failed or self.banner.clear(_WEIGHTS))
        session.problem.connect(self._problem)
        session.explained.connect(self.banner.explain)
        session.over.connect(self.banner.take_back)
        session.on_disk.connect(self._labels_on_disk)
        session.not_on_disk.connect(self._labels_not_on_disk)
        session.worker_died.connect(self._worker_died)
        session.labels_changed.connect(self._show_counts)
        session.scheme_changed.connect(self._show_scheme)
        session.hand.changed.connect(self._show_class)
        self.learn.begin(session.config)
        self.learn.set_ready(not session.read_only)
        self.draw.set_session(session)
        self.mask_desk.set_session(session)
        self.exporter.set_session(session)
        self._show_scheme()
        self._show_counts()
        self.image_panel.set_image(prepared.ortho, editable=not session.read_only)
        if prepared.note:
            self.banner.say(prepared.note, cause=_SESSION)
        if session.read_only:
            self.learn.show_state("stopped", "open for reading only")
        self.classes.select(0)
        self._show_class()
        if self._keys is not None and self._window is not None:
            self._work_keys = WorkKeys(self._window, session, self._keys, self._tell, self)
        self._score_timer.start()

    def _adopt_image(self) -> None:
        """Open the orthophoto that napari has loaded (napari IMAGE -w napari-partialseg, or File > Open)."""
        if self._closed or self.session is not None or self._opener.reading is not None:
            return
        for layer in self.viewer.layers:
            if layer.metadata.get(MARK) == "image" and "path" in layer.metadata:
                known = layer.metadata
                self.open_path(known.get("project") or known["path"], image=layer, truth=known.get("truth"))
                return

    def _layer_added(self, event: Any) -> None:
        if event.value.metadata.get(MARK) == "image" and self.session is None and self._opener.reading is None:
            QTimer.singleShot(0, self._adopt_image)  # not while napari is still adding it

    def _ask_image(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open an orthophoto", "", RASTERS)
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
            self._scheme_wanted = scheme  # for the project that is made next
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
            self.classes.show_ignored(self.session.ignored())
            if not self.session.blind():
                self.banner.clear(_NO_DATA)

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
            QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No,
            QMessageBox.StandardButton.No,
        )
        if answer == QMessageBox.StandardButton.Yes and self.session is not None:
            self.session.start_afresh(config)

    def _worker_opened(self, message: Any) -> None:
        self.banner.clear(_WORKER)
        self.learn.show_opened(message)

    def _problem(self, text: str) -> None:
        """Say it, until it is mended or something else is open."""
        session = self.session
        if session is None:
            return
        prepared = session.prepared
        if "where the image has no data" in text:  # by the worker, or at once by the viewer
            self.banner.say(text, cause=_NO_DATA)
            return
        kept = text.startswith((str(prepared.project.weights), str(prepared.entry.folder)))
        self.banner.say(text, cause=_WEIGHTS if kept else _SESSION, alone=False)

    def _labels_not_on_disk(self, text: str) -> None:
        if self.session is not None and self.session.prepared.store.last_error is not None:  # else it is mended already
            self.banner.say(text, cause=_DISK)

    def _labels_on_disk(self) -> None:
        if self.session is not None and self.session.prepared.store.last_error is None:
            self.banner.clear(_DISK)

    def _worker_died(self, text: str) -> None:
        self.learn.show_state("died", "the worker is not running")
        session = self.session
        if session is not None:
            self.banner.say(
                text, "Restart worker", session.restart_worker, detail=self.client.last_lines, cause=_WORKER
            )

    # ------------------------------------------------------------------------------------------------------ ending

    def close_session(self) -> None:
        """Save and close what is open, and open nothing else."""
        self._opener.give_up()
        self._let_go()

    def _let_go(self) -> None:
        """Save and close what is open."""
        if self.session is None:
            return
        self._score_timer.stop()
        self._clear_work_keys()
        self.draw.set_session(None)
        self.image_panel.set_image(None)
        self.learn.set_ready(False)
        self.learn.end()
        self.mask_desk.set_session(None)
        self.exporter.set_session(None)
        self._save_or_ask()
        session, self.session = self.session, None
        session.close(remove_layers=True)
        session.deleteLater()
        for cause in (_DISK, _WEIGHTS, _WORKER, _SESSION, _NO_DATA):
            self.banner.clear(cause)
        self.classes.set_scheme(LANDCOVER_AI)
        self.classes.set_counts([0] * len(LANDCOVER_AI))
        self.classes.show_ignored(0)
        self._show_title()

    def shut_down(self, *, remove_layers: bool = True) -> None:
        """End the worker and close the project; what goes on without the panel would be saved by nobody."""
        if self._closed:
            return
        self._closed = True
        _between.discard(self)
        self.viewer.events.theme.disconnect(self._show_theme)
        self.viewer.layers.events.inserted.disconnect(self._layer_added)
        self._clear_work_keys()
        if self._keys is not None:
            self._keys.clear()
            self._keys.deleteLater()
            self._keys = None
        if self._window is not None:
            self._window.removeEventFilter(self)
            self._window = None
        self._opener.give_up()
        self._locator.stop()
        self._score_timer.stop()
        for part in (self.draw, self.mask_desk, self.exporter):
            part.set_session(None)
        self.client.end()
        if self.session is not None:
            self._save_or_ask()
            self.session.close(remove_layers=remove_layers)
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
            if (
                QMessageBox.warning(self, "Labels not saved", as_text(text), buttons)
                == QMessageBox.StandardButton.Discard
            ):
                return

    def _watch_window(self) -> None:
        window = self.parentWidget()
        while window is not None and not isinstance(window, QMainWindow):
            window = window.parentWidget()
        if self._window is None and window is not None and not self._closed:
            self._window = window
            window.installEventFilter(self)
            for label in window.statusBar().findChildren(QLabel):
                label.setTextFormat(Qt.TextFormat.PlainText)  # it shows names of classes and files
            self._keys = ClassKeys(window, self)
            self._keys.chosen.connect(self._choose_class)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Shut down when the main window has closed.

        Its close event comes before anybody could still say no.
        """
        if watched is self._window and event.type() == QEvent.Type.Hide and not event.spontaneous():
            self.shut_down(remove_layers=False)  # the layers go with the viewer
        return False

    def event(self, event: QEvent) -> bool:
        """Stay, out of sight, when the dock is taken away: napari's cross closes the panel, not the project."""
        if event.type() == QEvent.Type.ParentChange and not self._closed:
            if self.parent() is not None:
                self._watch_window()
            elif self._window is not None:
                _between.add(self)
                self._soon.throttle()
        return bool(super().event(event))

    def _stay(self) -> None:
        _between.discard(self)
        if not self._closed and self.parent() is None and self._window is not None:
            self.setParent(self._window)
            self.hide()

    def closeEvent(self, event: Any) -> None:
        """Shut down when the widget itself is closed."""
        self.shut_down()
        super().closeEvent(event)
