"""The one owner of classes, labels, points and their history: whatever changes them is one step, saved as one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from annotations.classes import UNLABELLED
from annotations.errors import LabelError, PartialSegError
from annotations.labels.change import Also, Change, regions_of
from annotations.labels.filling import Filling
from annotations.labels.journal import EditJournal
from annotations.labels.moving import check_move
from annotations.labels.placing import NewPoint, place_points
from annotations.labels.points import PointSet
from annotations.labels.reclassing import check_unused, keep_scheme, points_without
from annotations.labels.removal import remove_strokes
from annotations.labels.restoring import Recorded, Restoring, target_of
from annotations.labels.step_saver import StepSaver
from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from annotations.labels.edits import Edit
    from annotations.project.project import Project
    from annotations.store.label_store import LabelStore
    from annotations.store.strokes import Origin, Stroke

__all__ = ["Labelling"]

_TILE = 2048


class Labelling:
    """Classes, labels, stroke numbers and points of one orthophoto, with one history of all of them.

    Each public method is one undoable step, handed to the store as one. Nothing here raises for what a hand or a script
    did to the labels: what cannot be kept is put back, and said.

    Parameters
    ----------
    labels, strokes : ndarray of int8 and uint32, (H, W)
        The live arrays; changed in place.
    scheme : ClassScheme
        The classes to begin with.
    points : PointSet, optional
        None by default.
    store : LabelStore, optional
        Where it is saved; nowhere by default.
    project : Project, optional
        Keeps the classes.
    next_number : int
        The first stroke number that is free.
    known : iterable of Stroke
        The strokes so far.
    tell : callable(str)
        Told what the person should know.

    Attributes
    ----------
    scheme, points, journal
        The classes and points as they are now, and the history.
    """

    def __init__(
        self,
        labels: NDArray[np.int8],
        strokes: NDArray[np.uint32],
        scheme: ClassScheme,
        points: PointSet | None = None,
        *,
        store: LabelStore | None = None,
        project: Project | None = None,
        next_number: int = 1,
        known: Iterable[Stroke] = (),
        tell: Callable[[str], object] = lambda text: None,
    ) -> None:
        """Take over the arrays."""
        self._labels, self._strokes = labels, strokes
        self.scheme = scheme
        self.points = PointSet() if points is None else points
        self.journal = EditJournal(labels, strokes, next_number)
        self._store, self._project = store, project
        self._origins = {s.number: s.origin for s in known if s.origin != "drawn"}
        self._saver = StepSaver(labels, strokes, store, lambda: self.points.to_json(), tell)
        self._tell = tell
        self._refused = False
        self._filling: Filling | Restoring | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self._labels.shape[0], self._labels.shape[1]

    # ------------------------------------------------------------------------------------------------------- labels

    def record(self, region: Region, tool: str, origin: Origin = "drawn") -> Change:
        """Take what was painted in a region as one stroke; labels that are not a class are put back."""
        self._settle()
        change = self._recorded(region, tool, origin)
        return replace(change, unseen=len(change.regions) > 0 and self._refused)

    def sync(self) -> Change:
        """Take what was written unannounced, by a script for example, as one stroke of the tool "edit"."""
        self._settle()
        found = self.journal.changed()
        return Change() if found.empty else self._recorded(found, "edit", "drawn")

    def add_labels(self, mask: NDArray[np.int8], tool: str, origin: Origin) -> tuple[int, Change]:
        """Label what is not labelled yet as a mask says; return how many pixels, and what changed.

        Values of the mask that are not a class are left out.
        """
        filling = self.begin_filling(mask, tool, origin)
        filling.finish()
        return filling.added, Change(filling.take_changed())

    def begin_filling(self, mask: NDArray[np.int8], tool: str, origin: Origin) -> Filling:
        """Label what is not labelled yet as a mask says, part by part as the caller goes on with it.

        It is one step, as with `add_labels`: what else is asked for before it is done has the rest of it done first.
        """
        self._settle()
        number, n = self.journal.reserve(), len(self.scheme)

        def fill(tile: Region) -> tuple[Edit, NDArray[np.int64]] | None:
            return self.journal.fill(tile, mask, n, number)

        def keep(region: Region, stroke: Stroke | None) -> None:
            self._saver.save((region,), [] if stroke is None else [stroke], points=False)

        self._filling = Filling(mask, fill, self._filled, keep, number, tool, origin)
        return self._filling

    @property
    def filling(self) -> bool:
        """Whether something is being filled in, part by part."""
        return self._filling is not None and not self._filling.done

    def _filled(self, edits: list[Edit], stroke: Stroke) -> None:
        self.journal.push_edits(edits)
        if stroke.origin != "drawn":
            self._origins[stroke.number] = stroke.origin

    def _settle(self) -> None:
        """Finish what is being filled in: no other step comes between its parts."""
        filling, self._filling = self._filling, None
        if filling is not None:
            filling.finish()

    def begin_restoring(self, recorded: Recorded) -> Restoring:
        """Give labels, stroke numbers and points back what they were, part by part as the caller goes on with it.

        It is one step, as with `begin_filling`. Labels are taken for the classes of now by `match_classes`; a class
        that has labels then and is gone comes back with the same step.

        Raises
        ------
        LabelError
            There would be too many classes; nothing is changed.
        ProjectError
            The classes could not be saved; nothing is changed.
        """
        self.sync()
        before = self.scheme
        target = target_of(recorded, before)
        if target.matched.scheme != before:
            keep_scheme(target.matched.scheme, before, self._project, self._store)
            self.scheme = target.matched.scheme
        change = None
        if target.points.to_json() != self.points.to_json():
            change = self.points.change_to(target.points)
            self.points = target.points
        schemes = None if self.scheme == before else (before, self.scheme)

        def restored(edits: list[Edit]) -> None:
            if edits or change or schemes:
                self.journal.push_edits(edits, Also(change, schemes))

        def keep(regions: tuple[Region, ...], records: list[Stroke]) -> None:
            self._saver.save(regions, records, points=not regions and change is not None)

        def restore(tile: Region) -> Edit | None:
            return self.journal.restore(tile, target)

        self._filling = Restoring(self.shape, restore, restored, keep, self.journal.reserve())
        return self._filling

    def begin_moving(self, label: int, to: int) -> Restoring:
        """Give all labels and points of a class to another one, or (-1) take them away, part by part.

        It is one step, as with `begin_restoring`. The classes stay; what was random or imported is so still.

        Raises
        ------
        LabelError
            These are no two classes; nothing is changed.
        """
        self.sync()
        check_move(label, to, len(self.scheme))
        points = self.points.moved(label, to)
        change = self.points.change_to(points)
        self.points = points

        def moved(edits: list[Edit]) -> None:
            if edits or change:
                self.journal.push_edits(edits, Also(change or None))

        def keep(regions: tuple[Region, ...], records: list[Stroke]) -> None:
            self._saver.save(regions, records, points=not regions and bool(change))

        def move(tile: Region) -> Edit | None:
            return self.journal.move(tile, label, to)

        self._filling = Restoring(self.shape, move, moved, keep, self.journal.reserve(), "reclass")
        return self._filling

    def remove_origin(self, origin: str) -> tuple[int, Change]:
        """Un-label what came from an origin ("random", "imported") and nobody drew over; also under points."""
        self._settle()
        numbers = np.array([n for n, o in self._origins.items() if o == origin], np.uint32)
        if not len(numbers):
            return 0, Change()
        removed = remove_strokes(self._labels, self._strokes, numbers)
        points = self.points.copy()
        points.forget(strokes=numbers)
        change = self.points.change_to(points)
        if not removed and not change:
            return 0, Change()
        self.points = points
        also = Also(change or None)
        if not removed:
            self.journal.push(also)
            self._saver.save((), [], points=True)
            return 0, Change()
        return removed, self._recorded(Region.whole(self._labels.shape), "remove", "drawn", also)

    def _recorded(self, region: Region, tool: str, origin: Origin, also: Also | None = None) -> Change:
        refused = self._put_back_strange(region)
        self._refused = not refused.empty
        result = self.journal.record(region, tool=tool, origin=origin, extra=also)
        if result is None:
            if self._refused:  # it may be what the store would not take
                self._saver.hand_over()
            return Change((refused,) if not refused.empty else ())
        stroke = result[1]
        if origin != "drawn":
            self._origins[stroke.number] = origin
        regions = regions_of(self.journal.last(back=True))
        self._saver.save(regions, [stroke], points=also is not None and also.points is not None)
        return Change((*regions, refused) if not refused.empty else regions)

    def _put_back_strange(self, region: Region) -> Region:
        """Put back what was written but is not a class, and say so; return where that was."""
        region = region.clipped(self._labels.shape)
        bounds = Region(0, 0, 0, 0)
        values: set[int] = set()
        for tile in region.tiles(_TILE):
            part = tile.intersection(region)
            window = self._labels[part.slices]
            if window.max() < len(self.scheme) and window.min() >= UNLABELLED:
                continue
            strange = (window >= len(self.scheme)) | (window < UNLABELLED)
            values.update(int(v) for v in np.unique(window[strange]))
            self.journal.put_back(part, strange)
            bounds = bounds.union(part)
        if values:
            self._tell(
                f"Label {', '.join(map(str, sorted(values)))} was written, which is not one of the {len(self.scheme)} "
                f"classes (0 to {len(self.scheme) - 1}): it was taken back. Add the class first."
            )
        return bounds

    # ------------------------------------------------------------------------------------------------------- points

    def change_points(self, removed: Sequence[int], added: Sequence[NewPoint]) -> tuple[list[int], Change]:
        """Take points away and add others, as one step; return the numbers of those added, in their order.

        A point that moves or gets another class is taken away and added.

        Raises
        ------
        LabelError
            A number is not that of a point, or a new point lies outside the image or has no class; nothing is changed.
        """
        self._settle()
        for new in added:
            if new.label >= len(self.scheme):
                raise LabelError(f"a point of class {new.label}: there are {len(self.scheme)} classes. Choose another.")
        arrays = self._labels, self._strokes
        placed = place_points(arrays, self.points, removed, added, self.journal.reserve)
        change = self.points.change_to(placed.points)
        self.points = placed.points
        self.journal.record_places(placed.places, placed.strokes, Also(change))
        regions = regions_of(self.journal.last(back=True))
        self._saver.save(regions, placed.records, points=True)
        return placed.numbers, Change(regions, points=True)

    # ------------------------------------------------------------------------------------------------------ classes

    def set_scheme(self, scheme: ClassScheme) -> Change:
        """Take other names, colours, or more or fewer classes; points of a class that goes are taken away with it.

        Raises
        ------
        LabelError
            Pixels are labelled with a class that goes; nothing is changed.
        ProjectError
            It could not be saved; nothing is changed.
        """
        changed = self.sync()
        if scheme == self.scheme:
            return changed
        check_unused(self._labels, self.scheme, len(scheme))
        points = points_without(self.points, len(scheme), self._labels, self._strokes)
        keep_scheme(scheme, self.scheme, self._project, self._store)
        gone = len(self.points) - len(points)
        change = self.points.change_to(points)
        before, self.scheme, self.points = self.scheme, scheme, points
        self.journal.push(Also(change or None, (before, scheme)))
        if change:
            self._saver.save((), [], points=True)
        if gone:
            self._tell(
                f"{gone} painted-over point{'s' if gone > 1 else ''} of the class went with it; undo brings both back."
            )
        return Change(changed.regions, points=bool(change), scheme=True)

    # ------------------------------------------------------------------------------------------------------ history

    def undo(self) -> Change:
        """Take back the newest step, whatever it was."""
        return self._follow(back=True)

    def redo(self) -> Change:
        """Do again what was taken back last."""
        return self._follow(back=False)

    def _follow(self, *, back: bool) -> Change:
        self.sync()
        step = self.journal.last(back=back)
        if step is None:
            return Change()
        also = step.extra if isinstance(step.extra, Also) else Also()
        target = None if also.schemes is None else also.schemes[0] if back else also.schemes[1]
        # Classes that go have their labels until these are written over.
        last = target is not None and bool(step.edits) and len(target) < len(self.scheme)
        failed = self._follow_scheme(target) if target is not None and not last else None
        if failed is not None:
            if isinstance(failed, LabelError):  # it will never go: do not bar the way to what is older
                self.journal.drop(back=back)
            return Change()
        if back:
            self.journal.undo()
        else:
            self.journal.redo()
        if also.points is not None:
            self.points = self.points.copy()
            self.points.apply(also.points, back=back)
        regions = regions_of(step)
        self._saver.save(regions, [], points=also.points is not None)
        if target is not None and last:
            self._follow_scheme(target)  # where they cannot go, for labels of another image, they stay
        return Change(regions, points=also.points is not None, scheme=also.schemes is not None)

    def _follow_scheme(self, target: ClassScheme) -> PartialSegError | None:
        """Take other classes; return why they could not be taken, which is said."""
        try:
            keep_scheme(target, self.scheme, self._project, self._store)
        except PartialSegError as error:
            self._tell(str(error))
            return error
        self.scheme = target
        return None
