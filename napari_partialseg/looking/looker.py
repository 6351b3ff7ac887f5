"""Looking at the map of the session that is open: what panel and keys ask for, done on the canvas."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari.utils.theme import get_theme
from qtpy.QtCore import QObject, Qt, QTimer, Signal

from annotations.cleaning.cleaning import AS_IT_IS, Cleaning
from napari_partialseg.looking.canvas import canvas_widget
from napari_partialseg.looking.held_key import HeldKey
from napari_partialseg.looking.legend import Legend
from napari_partialseg.looking.map_look import MapLook
from napari_partialseg.looking.pointer import PointerStatus
from napari_partialseg.looking.preview import Preview
from napari_partialseg.looking.swipe import SwipeLine
from napari_partialseg.preferences import prefer, read_preferences

if TYPE_CHECKING:
    from napari_partialseg.panels.view import ViewPanel
    from napari_partialseg.session.session import Session

__all__ = ["Looker"]

_OUTLINE_OPACITY = 1.0


class Looker(QObject):
    """Serves the panel with what is looked at.

    Parameters
    ----------
    panel : ViewPanel
        Its switches.

    Signals
    -------
    hint(text)
        What a key did, in a few words.
    cleaning_changed(cleaning)
        How exports of the map are smoothed from now on.
    """

    hint = Signal(str)
    cleaning_changed = Signal(object)

    def __init__(self, panel: ViewPanel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._panel = panel
        self._session: Session | None = None
        self._ends = ExitStack()
        self._look: MapLook | None = None
        self._line: SwipeLine | None = None
        self._legend: Legend | None = None
        self._preview: Preview | None = None
        self._other_opacity = _OUTLINE_OPACITY  # of the map as outlines, or filled: the one that it is not now
        self._preferences = read_preferences()
        self._blink = HeldKey(Qt.Key.Key_T, self._hold_hidden, self)
        panel.switched.connect(self._switch)
        panel.opacity.connect(self._set_opacity)
        panel.smoothed.connect(self._smooth)

    @property
    def preview(self) -> Preview | None:
        """What shows the smoothed map."""
        return self._preview

    @property
    def look(self) -> MapLook | None:
        """How the map is drawn."""
        return self._look

    @property
    def line(self) -> SwipeLine | None:
        """The line of the swipe; None where there is no canvas."""
        return self._line

    @property
    def legend(self) -> Legend | None:
        """The legend; None where there is no canvas."""
        return self._legend

    def set_session(self, session: Session | None) -> None:
        """Look at this session from now on."""
        self._blink.release()
        self._outline(False)  # what is kept of the layer is its opacity as areas
        self._ends.close()
        self._session = session
        self._look = self._line = self._legend = self._preview = None
        self._panel.set_ready(session is not None)
        self._panel.begin_anew()
        self._other_opacity = _OUTLINE_OPACITY
        if session is not None:
            with ExitStack() as ends:
                self._begin(session, ends)
                self._ends = ends.pop_all()

    def press(self, key: str) -> None:
        """Do what T, W or O does."""
        if self._session is None:
            return
        if key == "T":
            self._blink.press()
            return
        name = {"W": "swipe", "O": "outline"}[key]
        on = not self._panel.is_on(name)
        self._panel.switch(name, on)
        self._switch(name, on)
        self.hint.emit(_HINTS[name, on])

    def show_theme(self) -> None:
        """Fit the theme of the viewer."""
        if self._session is not None and self._legend is not None:
            theme = get_theme(self._session.viewer.theme)
            self._legend.set_theme(theme.background.as_hex(), theme.text.as_hex())

    # ------------------------------------------------------------------------------------------------- beginning

    def _begin(self, session: Session, ends: ExitStack) -> None:
        viewer, prediction = session.viewer, session.layers.prediction
        self._look = look = MapLook(viewer)
        look.take(prediction)
        ends.callback(look.drop, prediction)
        canvas = canvas_widget(viewer)
        if canvas is not None:
            self._cover(session, canvas, ends)
        self._preview = preview = Preview(session, look, self)
        ends.callback(preview.deleteLater)
        ends.callback(preview.stop)
        preview.told.connect(self._panel.say)
        preview.gone.connect(self._panel.stop_showing)
        place = session.opened_image.ortho.georeference
        ends.callback(PointerStatus(session.layers, place, lambda: session.scheme, preview.value_at).stop)
        self._connect(session, ends)
        self._show_scale_bar(session, ends)
        self._panel.set_metric(preview.pixel is not None)
        self._panel.show_opacity(float(prediction.opacity))
        self.cleaning_changed.emit(AS_IT_IS)

    def _cover(self, session: Session, canvas: Any, ends: ExitStack) -> None:
        """Lay line and legend over the canvas."""
        self._line, self._legend = SwipeLine(canvas), Legend(canvas)
        for cover in (self._line, self._legend):
            ends.callback(cover.deleteLater)
            ends.callback(cover.hide)
            ends.callback(canvas.removeEventFilter, cover)
        self._line.moved.connect(self._split)
        self._legend.set_scheme(session.scheme)
        self._panel.switch("legend", self._preferences.legend)
        self._legend.setVisible(self._preferences.legend)
        self.show_theme()

    def _connect(self, session: Session, ends: ExitStack) -> None:
        prediction, inserted = session.layers.prediction, session.viewer.layers.events.inserted
        prediction.events.opacity.connect(self._follow_opacity)
        ends.callback(prediction.events.opacity.disconnect, self._follow_opacity)
        inserted.connect(self._layer_added)
        ends.callback(inserted.disconnect, self._layer_added)
        session.scheme_changed.connect(self._follow_scheme)
        ends.callback(session.scheme_changed.disconnect, self._follow_scheme)

    def _show_scale_bar(self, session: Session, ends: ExitStack) -> None:
        bar = session.viewer.canvas.overlays.scale_bar
        before = bool(bar.visible)
        bar.visible = self._preferences.scale_bar
        self._panel.switch("scale_bar", bool(bar.visible))
        bar.events.visible.connect(self._follow_scale_bar)  # napari's own menu switches it too
        ends.callback(setattr, bar, "visible", before)
        ends.callback(bar.events.visible.disconnect, self._follow_scale_bar)

    def _layer_added(self, event: Any) -> None:
        session = self._session
        if session is not None and event.value is session.layers.prediction:  # put back: it is drawn anew
            QTimer.singleShot(0, self._take_again)

    def _take_again(self) -> None:
        if self._session is not None and self._look is not None:
            self._look.take(self._session.layers.prediction)

    # --------------------------------------------------------------------------------------------------- switches

    def _switch(self, name: str, on: bool) -> None:
        session = self._session
        if session is None or self._look is None:
            return
        if name == "outline":
            self._outline(on)
        elif name == "swipe" and self._line is not None:
            self._line.setVisible(on)
            self._line.raise_()
            self._split(self._line.column)
        elif name == "legend" and self._legend is not None:
            self._legend.setVisible(on)
            self._prefer(legend=on)
        elif name == "scale_bar":
            session.viewer.canvas.overlays.scale_bar.visible = on

    def _outline(self, on: bool) -> None:
        """Draw outlines or areas, each with the opacity it had before: lines are to be seen, areas seen through."""
        session, look = self._session, self._look
        if session is None or look is None or look.outlined == on:
            return
        prediction = session.layers.prediction
        before = float(prediction.opacity)
        look.show(outlined=on)
        prediction.opacity, self._other_opacity = self._other_opacity, before

    def _split(self, column: float) -> None:
        if self._look is not None and self._line is not None:
            self._look.split_at(column if self._panel.is_on("swipe") else None)

    def _hold_hidden(self, held: bool) -> None:
        if self._look is not None:
            self._look.show(hidden=held)

    def _set_opacity(self, value: float) -> None:
        if self._session is not None:
            self._session.layers.prediction.opacity = value

    def _smooth(self, cleaning: Cleaning, shown: bool) -> None:
        if self._preview is not None:
            self._preview.set_cleaning(cleaning if shown else AS_IT_IS)
            self.cleaning_changed.emit(cleaning)

    # -------------------------------------------------------------------------------------------------- following

    def _follow_opacity(self, event: object = None) -> None:
        if self._session is not None:
            self._panel.show_opacity(float(self._session.layers.prediction.opacity))

    def _follow_scheme(self) -> None:
        if self._session is not None and self._legend is not None:
            self._legend.set_scheme(self._session.scheme)

    def _follow_scale_bar(self, on: bool) -> None:
        self._panel.switch("scale_bar", bool(on))
        self._prefer(scale_bar=bool(on))

    def _prefer(self, **what: bool) -> None:
        preferences = replace(self._preferences, **what)
        if preferences != self._preferences:
            self._preferences = preferences
            prefer(**what)


_HINTS = {
    ("swipe", True): "the map is shown to the left of the line: drag it (W takes it away)",
    ("swipe", False): "the map is shown everywhere",
    ("outline", True): "the map as outlines (O fills them)",
    ("outline", False): "the map filled",
}
