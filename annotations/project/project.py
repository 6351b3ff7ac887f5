"""The folder on disk that holds a piece of work: its images' labels, its classes, its weights."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_data_path

from annotations.classes import ClassScheme
from annotations.disk.lock import ProjectLock
from annotations.errors import LabelError, ProjectError
from annotations.project.document import PROJECT_FORMAT, check_inside, new_document, read_document, write_document
from annotations.project.image_entry import ImageEntry, entry_from, paths_of
from annotations.project.sweeping import sweep_project
from annotations.project_files import ProjectFiles
from annotations.store.label_store import LabelStore
from annotations.store.mask import SparseMask

if TYPE_CHECKING:
    from annotations.images.band_roles import BandRoles
    from annotations.images.orthophoto import Orthophoto

__all__ = ["PROJECT_FORMAT", "Project"]


class Project:
    """A project folder.

    ::

        project.json      format, classes, images, configuration; project.json.bak is the one before
        images/<id>/      labels, stroke numbers, strokes, points of one orthophoto (LabelStore)
        weights/          checkpoints
        cache/<id>/       what can be made again
        lock, lock.json   held while a viewer may write

    Use `create` or `open`; a context manager that closes.

    Attributes
    ----------
    folder : Path
        Absolute.
    read_only : bool
        Whether nothing may be written.
    """

    def __init__(self, folder: Path, document: dict[str, Any], lock: ProjectLock | None) -> None:
        """Wrap a document that was read."""
        self.folder = folder
        self.read_only = lock is None
        self._document = document
        self._lock = lock

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @classmethod
    def create(cls, folder: str | Path, scheme: ClassScheme) -> Project:
        """Make a project in a folder that is empty or not there yet, and open it for writing.

        Raises
        ------
        ProjectError
            A project is there already, or the folder cannot be made.
        """
        folder = Path(folder).expanduser().absolute()
        files = ProjectFiles(folder)
        if files.document.exists() or files.backup.exists():
            raise ProjectError(f"{folder}: holds a project already; nothing was overwritten. Open it instead.")
        try:
            for place in files.folders:
                place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ProjectError(f"{folder}: cannot be made ({error}). Choose a folder that you may write to.") from error
        project = cls(folder, new_document(scheme), ProjectLock(folder))
        try:
            project._save(new=True)
        except BaseException:
            project.close()
            raise
        return project

    @classmethod
    def open(cls, folder: str | Path, *, write: bool = True) -> Project:
        """Open a project; for reading only, it takes no lock and touches nothing.

        Raises
        ------
        ProjectLockedError
            Another viewer has it open for writing.
        ProjectVersionError
            A newer version of the tool wrote it; nothing is touched.
        ProjectError
            It is missing or damaged, or a link in it leads elsewhere.
        """
        folder = Path(folder).expanduser().absolute()
        document = read_document(folder)
        if not write:
            return cls(folder, document, None)
        lock = ProjectLock(folder)
        try:
            # Another viewer may have changed it between the first look and the lock.
            project = cls(folder, read_document(folder), lock)
            check_inside(folder, [entry.id for entry in project.images])
            sweep_project(folder)
            return project
        except BaseException:
            lock.release()
            raise

    @staticmethod
    def is_project(path: str | Path) -> bool:
        """Whether a path is a project's folder, damaged or not."""
        files = ProjectFiles(Path(path))
        return files.folder.is_dir() and (files.document.is_file() or files.backup.is_file())

    @staticmethod
    def folder_for(image_path: str | Path) -> Path:
        """Return where an image's project belongs: "<stem>.partialseg" beside it, else among the user's data."""
        image = Path(image_path).expanduser().absolute()
        beside = image.with_name(f"{image.stem}.partialseg")
        if Project.is_project(beside) or os.access(image.parent, os.W_OK):
            return beside
        digest = hashlib.blake2b(str(image).encode(), digest_size=4).hexdigest()
        return user_data_path("partialseg", appauthor=False) / f"{image.stem}-{digest}.partialseg"

    @property
    def files(self) -> ProjectFiles:
        """What the files in it are called."""
        return ProjectFiles(self.folder)

    @property
    def weights(self) -> Path:
        """The folder of checkpoints."""
        return self.files.weights.folder

    @property
    def scheme(self) -> ClassScheme:
        """The classes."""
        return ClassScheme.from_json(self._document["scheme"])

    def set_scheme(self, scheme: ClassScheme) -> None:
        """Change the classes, in the project and in each image's labels.

        The project's file is what counts: once it is replaced the change is made, and masks that a kill or a failing
        disk left behind follow on their next opening (`take_up`). Stores that are open keep their own: call their
        `set_scheme` too.

        Raises
        ------
        LabelError
            Pixels carry a class that goes; nothing is changed.
        ProjectError
            It could not be saved; nothing is changed.
        """
        self._check_writable()
        masks = [SparseMask.open(e.files.labels, writable=True) for e in self.images]
        n = len(scheme)
        for mask in masks:
            if n < len(mask.scheme) and mask.has_labels_from(n):
                raise LabelError(
                    f"{mask.path}: pixels are labelled with classes from {mask.scheme[n].name!r} on, which the new "
                    "scheme lacks. Erase or relabel them first."
                )
        self._change(scheme=scheme.to_json())
        for mask in masks:
            with suppress(OSError):
                mask.set_scheme(scheme, checked=True)

    @property
    def config(self) -> dict[str, Any]:
        """The configuration as plain values; a copy."""
        result: dict[str, Any] = json.loads(json.dumps(self._document["config"]))
        return result

    def set_config(self, config: dict[str, Any]) -> None:
        """Keep a configuration of plain values; ProjectError where it could not be saved, and nothing is changed."""
        self._check_writable()
        self._change(config=json.loads(json.dumps(config)))

    @property
    def images(self) -> list[ImageEntry]:
        """The orthophotos, in the order in which they were added."""
        return [entry_from(self.files, value) for value in self._document["images"]]

    def image(self, image_id: str) -> ImageEntry:
        """Return one orthophoto; ProjectError where there is none of that id."""
        for entry in self.images:
            if entry.id == image_id:
                return entry
        raise ProjectError(f"{self.folder}: has no image {image_id!r}; it has {[e.id for e in self.images]}.")

    def add_image(self, ortho: Orthophoto) -> ImageEntry:
        """Add an orthophoto with labels that are all unlabelled; one that is there already is returned as it is.

        Raises
        ------
        ProjectError
            Another image was labelled under that path, the same path has another content now, or it could not be
            saved; nothing is changed.
        """
        for entry in self.images:
            if entry.shape == tuple(ortho.shape) and ortho.matches(entry.fingerprint):
                return entry
            if entry.path == ortho.path:
                entry.check(ortho)
        self._check_writable()
        number = int(self._document["next_image"])
        # A folder without an entry is what a crash left; its number is not used again.
        while self.files.image(str(number)).folder.exists():
            number += 1
        value = {
            "id": str(number),
            "fingerprint": ortho.fingerprint,
            "shape": list(ortho.shape),
            "roles": ortho.roles.to_json(),
            **paths_of(ortho.path, self.folder),
        }
        entry = entry_from(self.files, value)
        try:
            store = LabelStore.create(
                entry.folder, entry.shape, self.scheme, fingerprint=ortho.fingerprint, georeference=ortho.georeference
            )
        except OSError as error:
            raise ProjectError(
                f"{entry.folder}: the labels of {ortho.path} could not be made ({error}). Make room or check the disk, "
                "then open the image again."
            ) from error
        store.close()
        self._change(images=[*self._document["images"], value], next_image=number + 1)
        return entry_from(self.files, value)

    def relocate(self, image_id: str, ortho: Orthophoto, *, accept: bool = False) -> ImageEntry:
        """Tell the project where an image is now; with `accept`, also that its new content is accepted.

        Raises
        ------
        ProjectError
            It has another size, or (without `accept`) another content, or it could not be saved; nothing is changed.
        """
        self._check_writable()
        entry = self.image(image_id)
        if not accept or tuple(ortho.shape) != entry.shape:
            entry.check(ortho)
        return self._change_image(image_id, fingerprint=ortho.fingerprint, **paths_of(ortho.path, self.folder))

    def set_roles(self, image_id: str, roles: BandRoles) -> ImageEntry:
        """Keep what an image's bands are used for; whoever has the image open must open it again."""
        self._check_writable()
        self.image(image_id)
        return self._change_image(image_id, roles=roles.to_json())

    def close(self) -> None:
        """Give the lock back; may be called twice."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _check_writable(self) -> None:
        if self._lock is None:
            raise ProjectError(f"{self.folder}: opened read-only. Close the other viewer and open the project again.")

    def check_held(self) -> None:
        """Raise ProjectError where the folder is gone or not ours to write to any more."""
        if self._lock is None:
            raise ProjectError(f"{self.folder}: is closed or was opened read-only; open it again to go on")
        self._lock.check()

    def _change_image(self, image_id: str, **values: Any) -> ImageEntry:
        images = self._document["images"]
        self._change(images=[{**value, **values} if value["id"] == image_id else value for value in images])
        return self.image(image_id)

    def _change(self, **values: Any) -> None:
        """Save other values; they are in force once they are on the disk, so that trying again saves them again."""
        before, self._document = self._document, {**self._document, **values}
        try:
            self._save()
        except BaseException:
            self._document = before
            raise

    def _save(self, *, new: bool = False) -> None:
        if not new:
            # Where the folder was deleted, half of it must not be made again.
            self.check_held()
        write_document(self.files, self._document)
