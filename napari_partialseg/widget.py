"""The Partial Seg widget: opens and closes sessions, and ties panels, keys, jobs and window to the one that is open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QFileDialog, QWidget

from annotations.classes import LANDCOVER_AI
from annotations.errors import OrthophotoError, PartialSegError
from annotations.project.project import Project
from napari_partialseg.beginning.beginner import Beginner
from napari_partialseg.checking.desk import CheckDesk
from napari_partialseg.dock_keeper import DockKeeper
from napari_partialseg.ending import save_or_ask
from napari_partialseg.history.desks import HistoryDesks
from napari_partialseg.jobs.export import Exporter
from napari_partialseg.jobs.locate import RASTERS, Locator
from napari_partialseg.jobs.masks import MaskDesk
from napari_partialseg.jobs.opening import Opener, Wanted, home_of
from napari_partialseg.looking.looker import Looker
from napari_partialseg.messages import Messages
from napari_partialseg.one_panel import OnePerViewer
from napari_partialseg.panels.board import lay_out
from napari_partialseg.panels.focus import PanelManners
from napari_partialseg.session.layers import MARK
from napari_partialseg.session.session import Session
from napari_partialseg.session.window_keys import WindowKeys
from napari_partialseg.session.worker_client import WorkerClient
from napari_partialseg.showing import Showing
from napari_partialseg.showing_places import ShowingPlaces

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image

    from annotations.classes import ClassScheme
    from annotations.images.band_roles import BandRoles
    from trainer.opened.open_image import OpenedImage

__all__ = ["PartialSegWidget"]


class PartialSegWidget(QWidget, metaclass=OnePerViewer):
    """The dock widget: open, draw, train, correct, export.

    A viewer has one: closed by its cross it goes on out of sight, and asked for again it is the same.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer it is docked in.
    client : WorkerClient, optional
        The worker to use; by default one of its own.

    Attributes
    ----------
    session : Session or None
        What is open.
    board : Board
        The panels.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, client: WorkerClient | None = None) -> None:
        super().__init__()
        self._closed = False
        self.viewer = napari_viewer
        self.session: Session | None = None
        # Started now, so that it has imported torch by the time somebody presses Train.
        self.client = WorkerClient(self) if client is None else client
        self.client.start()
        self._scheme_wanted: ClassScheme | None = None  # edited before anything was open
        self.board = lay_out(self)
        self.mask_desk = MaskDesk(self.board.masks, self)
        self.exporter = Exporter(self.board.exports, self)
        self.history = HistoryDesks(self.board, self)
        self.looker = Looker(self.board.view, self)
        self.checks = CheckDesk(self.board.quality, self)
        self._showing = Showing(self.board, self)
        self._beginner = Beginner(self.board, self)
        self._where = ShowingPlaces(self.board.where, self)
        self._messages = Messages(self.board.banner, self.client, self)
        self._keys = WindowKeys(self)
        self._dock = DockKeeper(self)
        self._opener = Opener(lambda: self.session, self._let_go, self._take_up, self)
        self._locator = Locator(self)
        self._wire()
        self._show_theme()
        self._show_title()

    def _wire(self) -> None:
        """Connect what asks with what acts."""
        self._manners = PanelManners(self, self._showing.hold_move)
        self.board.header.open_image.clicked.connect(self._ask_image)
        self.board.header.open_project.clicked.connect(self._ask_project)
        self.board.image.changed.connect(self._use_bands)
        self.board.classes.edited.connect(self._edit_scheme)
        self._showing.done.connect(self._tell)
        self.mask_desk.failed.connect(self.board.banner.say)
        self.mask_desk.done.connect(self._tell)
        self.exporter.failed.connect(self.board.banner.say)
        self.exporter.written.connect(lambda path: self._tell(f"written: {path}"))
        self.history.failed.connect(self.board.banner.say)
        self.history.done.connect(self._tell)
        self.checks.failed.connect(self.board.banner.say)
        self.checks.done.connect(self._tell)
        self.checks.begun.connect(self._bring_up_check)
        self._beginner.wanted.connect(lambda path, folder, truth: self.open_path(path, folder=folder, truth=truth))
        self._beginner.failed.connect(self.board.banner.say)
        self._showing.afresh.connect(self._beginner.begun_afresh)
        self._keys.chosen.connect(self._take_class)
        self._keys.hint.connect(self._tell)
        self._where.hint.connect(self._tell)
        self._keys.look.connect(self.looker.press)
        self.looker.hint.connect(self._tell)
        self.looker.cleaning_changed.connect(self.exporter.set_cleaning)
        self._dock.found.connect(self._keys.set_window)
        self._dock.found.connect(self.checks.set_window)
        self._dock.closed.connect(lambda: self.shut_down(remove_layers=False))  # the layers go with the viewer
        self._opener.changed.connect(self._show_title)
        self._opener.failed.connect(self._could_not_open)
        self._locator.found.connect(lambda it: self.open_path(it.path, folder=it.folder, truth=it.truth))
        self._locator.failed.connect(self._could_not_open)
        self.destroyed.connect(self.client.end)
        self.viewer.layers.events.inserted.connect(self._layer_added)
        self.viewer.events.theme.connect(self._show_theme)
        QTimer.singleShot(0, self._adopt_image)

    @property
    def usable(self) -> bool:
        """Whether it has not been shut down."""
        return not self._closed

    def _show_theme(self, event: object = None) -> None:
        """Fit the theme of the viewer."""
        back = get_theme(self.viewer.theme).background
        self.board.banner.set_dark(QColor(back.as_hex()).lightness() < 128)
        self.looker.show_theme()

    def _show_title(self) -> None:
        """Say what is open, and what is being read."""
        wanted, part = self._opener.reading, self._opener.part
        now = None if self.session is None else self.session.snapshot()
        self.board.header.show_session(now)
        done = f" {part:.0%}" if part else ""
        self.board.header.show_reading(f"reading {wanted.path.name}…{done}" if wanted is not None else "")
        # The scheme of a new project is taken as it is when the reading begins.
        self.board.classes.setEnabled(not now.read_only if now is not None else wanted is None)

    def _tell(self, text: str) -> None:
        self.viewer.status = text

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
        self._messages.opening()
        self._opener.open(Wanted(path, home, image, new, truth=truth), self._scheme_wanted or LANDCOVER_AI)

    def _could_not_open(self, text: str, error: object, wanted: Wanted) -> None:
        if isinstance(error, OrthophotoError):
            self._messages.not_opened(text, "Locate…", lambda: self._locator.ask(error, wanted))
        else:
            self._messages.not_opened(text)

    def _take_up(self, opened_image: OpenedImage, wanted: Wanted) -> None:
        """Open a session with what was read."""
        self._dock.find_window()
        self.session = Session(self.viewer, opened_image, self.client, wanted.image, self)
        try:
            self._follow(self.session)
        except BaseException:
            self._let_go()
            raise
        if opened_image.note:
            self._messages.note(opened_image.note)
        dropped, self._scheme_wanted = self._scheme_wanted, None
        if dropped is not None and dropped != self.session.scheme:
            self._messages.note(
                f"{opened_image.project.folder.name} has classes of its own, which are shown now; those edited "
                "before it was opened are not used."
            )
        if wanted.truth is not None:
            self.mask_desk.load_truth(wanted.truth)
        if wanted.training:
            self.train()

    def _follow(self, session: Session | None) -> None:
        """Have everything here work on this session from now on."""
        for part in (
            self._messages,
            self._showing,
            self._beginner,
            self._where,
            self.mask_desk,
            self.exporter,
            self.looker,
            self.history,
            self.checks,
            self._keys,
        ):
            part.set_session(session)

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

    def _use_bands(self, roles: BandRoles) -> None:
        """Use the image's bands otherwise: it is closed and opened again, here and in the worker."""
        if self.session is None or self.session.read_only:
            return
        opened_image = self.session.opened_image
        path, folder = opened_image.ortho.path, opened_image.project.folder
        try:
            opened_image.project.set_roles(opened_image.entry.id, roles)
        except PartialSegError as error:
            self.board.banner.say(str(error))
            return
        self.open_path(path, folder=folder)

    def _edit_scheme(self, scheme: ClassScheme) -> None:
        if self.session is None:
            self._scheme_wanted = scheme  # for the project that is made next
        else:
            self._showing.edit_scheme(scheme)

    def _take_class(self, index: int) -> None:
        """Do what the key of a class does: draw with it, or say that it is at the point that is looked at."""
        if self.checks.looking:
            self.checks.answer(index)
        else:
            self._showing.choose_class(index)

    def _bring_up_check(self) -> None:
        self.board.layout.sections["Quality"].expand()
        self.board.layout.bring_into_view(self.board.quality.asked)

    def train(self) -> None:
        """Train from now on."""
        self._showing.train()

    # ------------------------------------------------------------------------------------------------------ ending

    def close_session(self) -> None:
        """Save and close what is open, and open nothing else."""
        self._opener.give_up()
        self._let_go()

    def _let_go(self) -> None:
        """Save and close what is open."""
        session = self.session
        if session is None:
            return
        self.checks.set_session(None)  # first: what it hid is shown again
        for part in (self._keys, self.looker, self.history, self._showing, self._where, self.mask_desk, self.exporter):
            part.set_session(None)
        save_or_ask(session, self)
        self.session = None
        session.close(remove_layers=True)
        session.deleteLater()
        self._messages.set_session(None)
        self._beginner.set_session(None)
        self._show_title()

    def shut_down(self, *, remove_layers: bool = True) -> None:
        """End the worker and close the project; what goes on without the panel would be saved by nobody."""
        if self._closed:
            return
        self._closed = True
        self.viewer.events.theme.disconnect(self._show_theme)
        self.viewer.layers.events.inserted.disconnect(self._layer_added)
        self.checks.stop()
        self._keys.stop()
        self._dock.stop()
        self._opener.give_up()
        self._locator.stop()
        self._showing.stop()
        self._beginner.stop()
        for part in (self.looker, self._where, self.history, self.mask_desk, self.exporter):
            part.set_session(None)
        self.client.end()
        if self.session is not None:
            save_or_ask(self.session, self)
            self.session.close(remove_layers=remove_layers)
            self.session.deleteLater()
            self.session = None
        self._messages.set_session(None)

    def event(self, event: QEvent) -> bool:
        """Stay, out of sight, when the dock is taken away."""
        if event.type() == QEvent.Type.ParentChange and not self._closed:
            self._dock.parent_changed()
        return bool(super().event(event))

    def closeEvent(self, event: Any) -> None:
        """Shut down when the widget itself is closed."""
        self.shut_down()
        super().closeEvent(event)
