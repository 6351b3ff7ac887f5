"""The places of a session in their panel, and what is asked for there done in the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from annotations.places.telling import question, reason, size_in_words
from napari_partialseg.panels.where import Row

if TYPE_CHECKING:
    from annotations.places.place import Place
    from napari_partialseg.panels.where import WherePanel
    from napari_partialseg.session.session import Session

__all__ = ["ShowingPlaces"]

_LISTED = 6


class ShowingPlaces(QObject):
    """Serves the panel with the session that is open.

    Parameters
    ----------
    panel : WherePanel
        Buttons, list and legend.

    Signals
    -------
    hint(text)
        What is asked at the place that was gone to, or why there is none, in a few words.
    """

    hint = Signal(str)

    def __init__(self, panel: WherePanel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._panel = panel
        self._session: Session | None = None
        panel.next.connect(lambda: self._session and self._session.places.next())
        panel.back.connect(lambda: self._session and self._session.places.back())
        panel.chosen.connect(self._go)
        panel.uncertainty.connect(self._show_uncertainty)
        panel.unfolded.connect(lambda: self._session and self._session.places.want())

    def set_session(self, session: Session | None) -> None:
        """Show the places of this session from now on."""
        if self._session is not None:
            self._session.places.changed.disconnect(self._show)
            self._session.layers.uncertainty.events.visible.disconnect(self._follow_uncertainty)
        self._session = session
        self._panel.setEnabled(session is not None)
        if session is None:
            self._panel.show_places((), "", "", False)
            return
        session.places.changed.connect(self._show)
        session.layers.uncertainty.events.visible.connect(self._follow_uncertainty)
        self._follow_uncertainty()
        if self._panel.isVisible():
            session.places.want()
        self._show(tell=False)

    def _show(self, *, tell: bool = True) -> None:
        session = self._session
        if session is None:
            return
        places, names = session.places, session.scheme.names
        rows = [
            Row(question(place, names), self._size(place), places.visits_of(place), place is places.current)
            for place in places.listed[:_LISTED]
        ]
        asked, why = places.text, ""
        if places.current is not None:
            here = places.current
            asked = question(here, names)
            again = places.visits_of(here)
            visited = "visited for the first time" if again == 1 else f"visited {again} times"
            why = f"{self._size(here)}, {reason(here, names, session.snapshot().counts)}, {visited}"
        self._panel.show_places(rows, asked, why, places.can_go_back)
        if tell and asked:
            self.hint.emit(f"{asked} {why}".strip())

    def _size(self, place: Place) -> str:
        metric: float | None = None
        if self._session is not None and str(self._session.layers.labels.units[-1]) in ("meter", "metre"):
            scale = self._session.layers.labels.scale
            metric = float(scale[-1]) * float(scale[-2])
        return size_in_words(place.pixels, metric)

    def _go(self, number: int) -> None:
        if self._session is not None and number < len(self._session.places.listed):
            self._session.places.go(self._session.places.listed[number])

    def _show_uncertainty(self, shown: bool) -> None:
        if self._session is not None:
            self._session.layers.uncertainty.visible = shown

    def _follow_uncertainty(self, event: object = None) -> None:
        if self._session is not None:
            self._panel.show_uncertainty(bool(self._session.layers.uncertainty.visible))
