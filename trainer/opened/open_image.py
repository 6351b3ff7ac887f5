"""Everything that work on an orthophoto needs from the disk; may run in a thread, touches no viewer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from annotations.classes import LANDCOVER_AI, NOT_PREDICTED, ClassScheme
from annotations.disk.room import need_address_space, need_disk
from annotations.errors import PartialSegError, ProjectLockedError
from annotations.images.display import display_levels
from annotations.images.orthophoto import open_orthophoto
from annotations.labels.points import PointSet
from annotations.labels.recovery import take_up
from annotations.prediction.doubt import Doubt, doubt_bytes
from annotations.prediction.kept_doubt import load_doubt
from annotations.prediction.kept_map import MadeBy, load_prediction, made_by
from annotations.prediction.shared_array import SharedArray
from annotations.project.project import Project
from annotations.project_files import ProjectFiles
from annotations.store.label_store import LabelStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotations.images.orthophoto import Orthophoto
    from annotations.project.image_entry import ImageEntry
    from annotations.project_files import SharedFiles

__all__ = ["Lock", "OpenedImage", "open_image"]

Lock = Literal["try", "need", "none"]

_DISPLAY_BYTES: Final = 4
"""Per pixel: three colours, and a third more for the smaller levels."""
_MEMORY_BYTES: Final = 4
"""Per pixel, of address space in one piece: the numbers of the strokes."""


@dataclass
class OpenedImage:
    """An orthophoto of a project, ready to be shown."""

    project: Project
    entry: ImageEntry
    ortho: Orthophoto
    levels: list[NDArray[np.uint8]]
    store: LabelStore
    labels: NDArray[np.int8]
    strokes: NDArray[np.uint32]
    prediction: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    has_prediction: bool
    note: str = ""
    """What the user should know, for example that the project is open for reading only, and why."""
    points: PointSet = field(default_factory=PointSet)
    made_by: MadeBy | None = None
    """What made the prediction, where it is whole and that is known."""
    doubt: Doubt = field(default_factory=lambda: Doubt.nothing((0, 0)))
    """How unsure the prediction is, and between which classes."""

    @property
    def read_only(self) -> bool:
        """Whether nothing may be changed."""
        return bool(self.project.read_only)

    def close(self) -> None:
        """Give back what is held on disk; what cannot be written is given up.

        The project's lock goes last, when nothing can write any more.
        """
        if not self.read_only:  # the worker, which may still fill them, has them open itself
            for path in (self.entry.shared.prediction, self.entry.shared.confidence, self.entry.shared.doubt):
                SharedArray.release(path)
        self.ortho.close()
        _close(self.store, self.project)


def open_image(
    path: str | Path,
    *,
    folder: str | Path | None = None,
    scheme: ClassScheme = LANDCOVER_AI,
    lock: Lock = "try",
    shown: bool = True,
    progress: Callable[[float], None] = lambda part: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> OpenedImage:
    """Open an orthophoto, or a project and its first orthophoto, and read all that was kept of it.

    Parameters
    ----------
    path : str or Path
        A raster, or a project folder.
    folder : str or Path, optional
        The project folder to use for a raster; by default the one beside it, made when it is not there.
    scheme : ClassScheme
        Classes of a new project.
    lock : {"try", "need", "none"}
        Hold the project's lock, and so write: where nobody else does; in any case; not at all, and nothing is touched.
    shown : bool
        Whether somebody looks at it: else there are no `levels`.
    progress, cancelled : callable
        Told the part that is done, 0 to 1; asked whether to give up.

    Raises
    ------
    PartialSegError
        The raster or the project cannot be used; the text says why and what to do.
    """
    path = Path(path)

    def read_levels(ortho: Orthophoto, cache: Path | None) -> list[NDArray[np.uint8]]:
        levels = display_levels(ortho, cache, progress=progress, cancelled=cancelled) if shown else []
        if cancelled():
            raise PartialSegError("opening was cancelled")
        return levels

    if Project.is_project(path):
        project, note = _open_project(path, lock)
        return _closing_on_error(project, lambda: _from_project(project, note, None, read_levels))
    ortho = open_orthophoto(path)
    home = Path(folder) if folder is not None else Project.folder_for(path)
    if not Project.is_project(home):
        _need_room(ortho, ProjectFiles(home).shared("1"))
    try:
        project, note = _open_project(home, lock) if Project.is_project(home) else (Project.create(home, scheme), "")
    except Exception:
        ortho.close()
        raise
    return _closing_on_error(project, lambda: _from_project(project, note, ortho, read_levels))


def _closing_on_error(project: Project, make: Callable[[], OpenedImage]) -> OpenedImage:
    try:
        return make()
    except Exception:
        project.close()
        raise


def _close(store: LabelStore, project: Project) -> None:
    if store.close():
        project.close()
    else:
        # A write that hangs keeps the lock: another viewer must not write at the same time.
        store.discard(then=project.close)


def _open_project(folder: Path, lock: Lock) -> tuple[Project, str]:
    if lock == "none":
        return Project.open(folder, write=False), ""
    try:
        return Project.open(folder), ""
    except ProjectLockedError as error:
        if lock == "need":
            raise
        return Project.open(folder, write=False), f"{error} It is shown here for reading only."


def _from_project(
    project: Project,
    note: str,
    ortho: Orthophoto | None,
    read_levels: Callable[[Orthophoto, Path | None], list[NDArray[np.uint8]]],
) -> OpenedImage:
    known = {e.id for e in project.images}
    entry = _entry_of(project, ortho)
    if ortho is None:
        ortho = open_orthophoto(entry.locate(), roles=entry.roles)
    entry.check(ortho)
    if entry.id in known:
        ortho = _as_before(ortho, entry)
    if not project.read_only:
        entry = _noted(project, entry, ortho)
        _need_room(ortho, entry.shared)
    levels = read_levels(ortho, None if project.read_only else entry.cache)
    store, said = _open_store(project, entry, ortho)
    try:
        return _with_kept(project, entry, ortho, levels, store, [note, *ortho.notes, said])
    except BaseException:
        store.close(0) or store.discard()
        raise


def _with_kept(
    project: Project,
    entry: ImageEntry,
    ortho: Orthophoto,
    levels: list[NDArray[np.uint8]],
    store: LabelStore,
    notes: list[str],
) -> OpenedImage:
    """Read labels and map as they were kept; `notes` is what there is to say so far."""
    found_there = take_up(store, project)
    prediction, confidence = _shared(project, entry, ortho)
    doubt = _shared_doubt(project, entry, ortho)
    lost: list[str] = []
    made = made_by(entry.folder)
    found = load_prediction(entry.folder, prediction, confidence, notes=lost, mend=not project.read_only)
    if found:
        load_doubt(entry.folder, doubt, ortho.shape)
    return OpenedImage(
        project,
        entry,
        ortho,
        levels,
        store,
        found_there.labels,
        found_there.strokes,
        prediction,
        confidence,
        found,
        " ".join(text for text in (*notes, found_there.note, *lost) if text),
        points=found_there.points,
        made_by=made if found and made_by(entry.folder) == made else None,  # a worker may have written meanwhile
        doubt=doubt,
    )


def _noted(project: Project, entry: ImageEntry, ortho: Orthophoto) -> ImageEntry:
    """Have the project know of an image what is known now."""
    if entry.roles != ortho.roles:
        entry = project.set_roles(entry.id, ortho.roles)
    if entry.fingerprint != ortho.fingerprint:  # that of an earlier version, of the file and not of the pixels
        entry = project.relocate(entry.id, ortho)
    return entry


def _as_before(ortho: Orthophoto, entry: ImageEntry) -> Orthophoto:
    """Return the orthophoto with its bands used as they were when the project was last open."""
    if entry.roles is not None:
        roles = entry.roles
    elif ortho.before is not None:  # what was learnt goes on fitting: a band tagged alpha was none then, whatever in it
        roles = ortho.before
    else:
        return ortho
    if roles == ortho.roles:
        return ortho
    ortho.close()
    return open_orthophoto(ortho.path, roles=roles)


def _need_room(ortho: Orthophoto, shared: SharedFiles) -> None:
    """Raise PartialSegError where an image is too large for this machine, before anything is made for it."""
    pixels = ortho.shape[0] * ortho.shape[1]
    size = f"an image of {ortho.shape[0]:,} x {ortho.shape[1]:,} pixels"
    need_address_space(_MEMORY_BYTES * pixels, ortho.path, size)
    shown = 0 if any(shared.folder.glob("display-*")) else _DISPLAY_BYTES * pixels
    mapped = (0 if shared.confidence.exists() else 2 * pixels) + doubt_bytes(ortho.shape)
    need_disk(shown + mapped, shared.folder, f"{ortho.path.name}: what is shown of {size}")


def _open_store(project: Project, entry: ImageEntry, ortho: Orthophoto) -> tuple[LabelStore, str]:
    """Open an image's labels, or make them where there never were any; also what to say of it."""
    there = entry.files.labels
    guard = None if project.read_only else project.check_held
    if there.exists():
        return LabelStore.open(entry.folder, writable=not project.read_only, shape=ortho.shape, guard=guard), ""
    if project.read_only:
        raise PartialSegError(f"{entry.folder}: there are no labels in it yet; close the other viewer first.")
    # Labels are made before their image is noted, so that they are lost and not yet to be made.
    traces = [path.name for path in (entry.files.strokes, entry.files.points, entry.files.saved) if path.exists()]
    if traces:
        raise PartialSegError(
            f"{there}: the labels are missing, though {' and '.join(traces)} beside them say that there were some. "
            f"Restore {there.name} from a backup; or, to begin anew, move {entry.folder} out of the project."
        )
    store = LabelStore.create(
        entry.folder,
        ortho.shape,
        project.scheme,
        fingerprint=ortho.fingerprint,
        georeference=ortho.georeference,
        guard=guard,
    )
    return store, f"{there}: was missing; labels begin anew. Restore it from a backup if there were any."


def _entry_of(project: Project, ortho: Orthophoto | None) -> ImageEntry:
    if ortho is None:
        if not project.images:
            raise PartialSegError(f"{project.folder}: the project holds no orthophoto yet; open one to add it.")
        return project.images[0]
    for entry in project.images:
        if entry.path.resolve() == ortho.path.resolve():
            return entry
    for entry in project.images:
        if entry.shape == ortho.shape and ortho.matches(entry.fingerprint):  # the same file, moved or copied
            if not project.read_only:
                project.relocate(entry.id, ortho)
            return project.image(entry.id)
    if project.read_only:
        raise PartialSegError(f"{project.folder}: {ortho.path.name} cannot be added; close the other viewer first.")
    return project.add_image(ortho)


def _shared(project: Project, entry: ImageEntry, ortho: Orthophoto) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    if project.read_only:  # the shared files belong to the viewer that holds the project
        return np.full(ortho.shape, NOT_PREDICTED, np.uint8), np.zeros(ortho.shape, np.uint8)
    return (
        SharedArray.create(entry.shared.prediction, ortho.shape, NOT_PREDICTED).array,
        SharedArray.create(entry.shared.confidence, ortho.shape, 0).array,
    )


def _shared_doubt(project: Project, entry: ImageEntry, ortho: Orthophoto) -> Doubt:
    if project.read_only:
        return Doubt.nothing(ortho.shape)
    return Doubt.create(entry.shared.doubt, ortho.shape)
