"""Leads to the place where a label teaches most: looks for places off the viewer's thread, and goes there when asked.

Nothing moves by itself. What was found is the list until somebody asks for the next place: then the newest one counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal
from superqt.utils import QSignalThrottler

from annotations.places.finding import find_places
from annotations.places.reducing import reduced_map
from annotations.places.telling import names_of
from annotations.places.visits import read_visits, visited_again, write_visits
from annotations.region import Region
from napari_partialseg.job import Job
from napari_partialseg.session.where_layers import Outline, look_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from annotations.classes import ClassScheme
    from annotations.places.place import Place
    from annotations.places.visits import Visit
    from napari_partialseg.session.layers import SessionLayers
    from trainer.opened.open_image import OpenedImage

__all__ = ["PlaceGuide"]

_MILLISECONDS = 2000  # at the least from one search to the next
_MOST = 12
_RECENT = 4
_BESIDE = 16  # px: who has drawn so close to a place has answered what it asks


class PlaceGuide(QObject):
    """Finds places, remembers which were visited, and shows them.

    Parameters
    ----------
    viewer : Viewer
        Whose camera goes there.
    layers : SessionLayers
        The layers of the session.
    opened_image : OpenedImage
        Map, labels, and where visits are kept.
    scheme : callable
        Returns the classes of now.

    Signals
    -------
    changed()
        Other places are listed, another one is looked at, or there is something else to say.
    """

    changed = Signal()

    def __init__(
        self,
        viewer: Viewer,
        layers: SessionLayers,
        opened_image: OpenedImage,
        scheme: Callable[[], ClassScheme],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._layers, self._opened_image, self._scheme = viewer, layers, opened_image, scheme
        self._visits = read_visits(opened_image.entry.files.visits, opened_image.ortho.shape)
        self._unsaved = False
        self._found: tuple[Place, ...] = ()  # the newest
        self._listed: tuple[Place, ...] = ()  # what is shown: it changes when somebody goes on, and not before
        self._trail: list[Place] = []
        self._current: Place | None = None
        self._wanted = False  # whether anybody has asked for places yet: else nothing is looked for
        self._stale = True
        self._going = False  # whether to go there as soon as something is found
        self._job: Job | None = None
        self._saving: Job | None = None
        self._text = ""
        self._outline = Outline(viewer, layers.place)
        self._again = QSignalThrottler(QSignalThrottler.EmissionPolicy.Trailing, self)
        self._again.setTimeout(_MILLISECONDS)
        self._again.triggered.connect(self._look)

    # ------------------------------------------------------------------------------------------------- what there is

    @property
    def listed(self) -> tuple[Place, ...]:
        """The places to choose from, the best first."""
        return self._listed

    @property
    def current(self) -> Place | None:
        """The place that is outlined."""
        return self._current

    @property
    def text(self) -> str:
        """Why there is no place; "" where there is one."""
        return self._text

    @property
    def can_go_back(self) -> bool:
        """Whether there is a place before this one."""
        return len(self._trail) > 1

    def visits_of(self, place: Place) -> int:
        """Return how often somebody was led there."""
        return sum(v.times for v in self._visits if _near(v.at, place.at))

    @property
    def visits(self) -> tuple[Visit, ...]:
        """All visits, the latest last."""
        return self._visits

    # ------------------------------------------------------------------------------------------------------- going

    def next(self) -> None:
        """Go to the best place of the newest list."""
        self._wanted = True
        best = next((place for place in self._found if self._is_open(place)), None)
        if best is not None:
            self._listed = self._found
            self.go(best)
        elif self._stale or self._job is not None:
            self._going = True
            self._say("looking for a place …")
            self._look()
        else:
            self._say(self._why_none())

    def back(self) -> None:
        """Go back to the place before."""
        if self.can_go_back:
            self._trail.pop()
            self._show(self._trail[-1])

    def go(self, place: Place) -> None:
        """Go to a place, and note that it was visited."""
        self._visits = visited_again(self._visits, place.at, names_of(place, self._scheme().names))
        self._trail.append(place)
        self._show(place)
        self._keep()
        self.map_changed()

    def _show(self, place: Place) -> None:
        self._going, self._current, self._text = False, place, ""
        look_at(self._viewer, self._layers.labels, place.region)
        self._outline.show(place.region)
        self.changed.emit()

    def leave(self) -> None:
        """Take the outline away: the person has moved on."""
        if self._current is not None:
            self._current = None
            self._outline.show(None)
            self.changed.emit()

    def view_moved(self, region: Region) -> None:
        """Take note of what is in view."""
        if self._current is not None and region.intersection(self._current.region).empty:
            self.leave()

    def labels_changed(self) -> None:
        """Take note that something was drawn: at the place that is outlined, its question is answered."""
        if self._current is not None and not self._is_unlabelled(self._current):
            self.leave()
        self.map_changed()

    # ------------------------------------------------------------------------------------------------------ looking

    def want(self) -> None:
        """Look for places from now on."""
        if not self._wanted:
            self._wanted = True
            self._look()

    def map_changed(self, *_: object) -> None:
        """Take note that map or labels changed: look anew, soon."""
        self._stale = True
        if self._wanted:
            self._again.throttle()

    def _look(self) -> None:
        if self._job is not None:
            return  # it is looked anew when that is done
        if not self._opened_image.doubt.known:
            self._found = ()
            self._going = False
            self._say(self._why_none())
            return
        self._stale = False
        opened, names = self._opened_image, list(self._scheme().names)
        visited = [v.at for v in self._visits]
        recent = [pair for v in self._visits[-_RECENT:] if (pair := _indices(v, names)) is not None]

        def search(*, progress: Any, cancelled: Callable[[], bool]) -> tuple[Place, ...]:
            found = reduced_map(opened.prediction, opened.doubt, opened.labels)
            return tuple(find_places(found, visited, recent, most=_MOST, cancelled=cancelled))

        self._job = Job(search, self)
        self._job.done.connect(self._take)
        self._job.failed.connect(self._failed)
        self._job.start()

    def _take(self, places: tuple[Place, ...]) -> None:
        self._end_job()
        self._found = places
        if not any(self._is_open(place) for place in self._listed):  # else it stays as it is looked at
            self._listed = places
        if self._going:
            best = next((place for place in places if self._is_open(place)), None)
            if best is not None:
                self._listed = places
                self.go(best)
                return
        if self._going or not places:
            self._going = False
            self._text = "" if places else self._why_none()
        elif self._current is None:
            self._text = ""
        if self._stale:
            self._again.throttle()
        self.changed.emit()

    def _failed(self, text: str) -> None:
        self._end_job()
        self._going = False
        self._say(f"no place was found: {text}")

    def _end_job(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            job.wait()
            job.deleteLater()

    def _is_open(self, place: Place) -> bool:
        return not self.visits_of(place) and self._is_unlabelled(place)

    def _is_unlabelled(self, place: Place) -> bool:
        around = Region(*place.at, 1, 1).grown(_BESIDE).clipped(self._opened_image.labels.shape)
        return not bool((np.asarray(self._opened_image.labels[around.slices]) >= 0).any())

    def _why_none(self) -> str:
        opened = self._opened_image
        if opened.doubt.known:
            return "the map is sure of the rest, or you have been there"
        if opened.has_prediction:
            return "this map does not say where it is unsure: it is of an earlier version. Press Train to make it anew"
        return "there is no map yet: draw strokes of two classes first"

    def _say(self, text: str) -> None:
        self._text = text
        self.changed.emit()

    # ------------------------------------------------------------------------------------------------------ keeping

    def _keep(self) -> None:
        """Write the visits, off the viewer's thread: a disk may take its time."""
        self._unsaved = not self._opened_image.read_only
        if self._unsaved and self._saving is None:
            path, visits = self._opened_image.entry.files.visits, self._visits
            self._unsaved = False
            self._saving = Job(lambda **_: write_visits(path, visits), self)
            self._saving.done.connect(self._kept)
            self._saving.failed.connect(self._kept)  # it is a help, and not work: it is tried again with the next
            self._saving.start()

    def _kept(self, _: object = None) -> None:
        job, self._saving = self._saving, None
        if job is not None:
            job.wait()
            job.deleteLater()
        if self._unsaved:
            self._keep()

    def stop(self) -> None:
        """Look no more, and keep the visits."""
        self._again.cancel()
        self._outline.stop()
        if self._job is not None:
            self._job.cancel()
            self._job.wait()
        if self._saving is not None:
            self._saving.wait()
            if self._unsaved:
                _written(self._opened_image.entry.files.visits, self._visits)


def _written(path: Any, visits: tuple[Visit, ...]) -> None:
    try:
        write_visits(path, visits)
    except OSError:
        return  # a help, and not work


def _near(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return max(abs(one[0] - other[0]), abs(one[1] - other[1])) <= _BESIDE


def _indices(visit: Visit, names: list[str]) -> tuple[int, int] | None:
    if all(name in names for name in visit.classes):
        first, second = (names.index(name) for name in visit.classes)
        return first, second
    return None
