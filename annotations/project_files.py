"""What the files of a project are called, said once: everybody who reads or writes one asks here.

The names are those of every version so far; a project of an earlier one must open. Nothing here touches the disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["HistoryFiles", "ImageFiles", "ProjectFiles", "SharedFiles", "WeightFiles"]


@dataclass(frozen=True, slots=True)
class HistoryFiles:
    """The labels of one orthophoto as they were at other times (`SnapshotStore`).

    Parameters
    ----------
    folder : Path
        "images/<id>/history" in the project; a file of JSON in it for each snapshot.
    """

    folder: Path

    @property
    def chunks(self) -> Path:
        """What the snapshots hold, each content once, in files named by what is in them."""
        return self.folder / "chunks"


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """What is kept of one orthophoto; any of it may be missing.

    Parameters
    ----------
    folder : Path
        "images/<id>" in the project.
    """

    folder: Path

    @property
    def labels(self) -> Path:
        """The labels, int8, -1 where there is none (`SparseMask`)."""
        return self.folder / "labels.zarr"

    @property
    def numbers(self) -> Path:
        """Which stroke a pixel came from, uint32, 0 for none (`StrokeNumbers`)."""
        return self.folder / "strokes.zarr"

    @property
    def strokes(self) -> Path:
        """The strokes, a line of JSON each (`StrokeLog`)."""
        return self.folder / "strokes.jsonl"

    @property
    def points(self) -> Path:
        """The points (`PointSet`)."""
        return self.folder / "points.json"

    @property
    def saved(self) -> Path:
        """What each chunk holds, by which losses are noticed (`SavedState`)."""
        return self.folder / "saved.jsonl"

    @property
    def prediction(self) -> Path:
        """The classes of the kept map, uint8 (`KeptPrediction`)."""
        return self.folder / "prediction.zarr"

    @property
    def confidence(self) -> Path:
        """The confidence of the kept map, uint8 (`KeptPrediction`)."""
        return self.folder / "confidence.zarr"

    @property
    def doubt(self) -> Path:
        """How unsure the kept map is, and between which classes, uint8 (`KeptDoubt`)."""
        return self.folder / "doubt.zarr"

    @property
    def visits(self) -> Path:
        """The places that somebody was led to (`annotations.places.visits`)."""
        return self.folder / "visits.json"

    @property
    def check(self) -> Path:
        """Points at which a person checks the map, and what was seen there (`annotations.quality.check`)."""
        return self.folder / "check.json"

    @property
    def made_by(self) -> Path:
        """What made the kept map, while it has no gaps (`MadeBy`)."""
        return self.folder / "prediction.json"

    @property
    def history(self) -> HistoryFiles:
        """The labels as they were at other times."""
        return HistoryFiles(self.folder / "history")

    @property
    def activity(self) -> Path:
        """When somebody worked on it, a line of JSON for each minute or so (`ActivityLog`)."""
        return self.folder / "activity.jsonl"

    @property
    def notes(self) -> Path:
        """Notes pinned to places (`Notes`)."""
        return self.folder / "notes.json"

    @property
    def left(self) -> Path:
        """Where work was left: view, class, tool (`LeftOff`)."""
        return self.folder / "left.json"

    @property
    def arrays(self) -> tuple[Path, ...]:
        """All zarr arrays."""
        return self.labels, self.numbers, self.prediction, self.confidence, self.doubt


@dataclass(frozen=True, slots=True)
class SharedFiles:
    """The map in the making, which viewer and worker share, beside all else that can be made again.

    Parameters
    ----------
    folder : Path
        "cache/<id>" in the project.
    """

    folder: Path

    @property
    def prediction(self) -> Path:
        """Its classes (`SharedArray`)."""
        return self.folder / "prediction.u8"

    @property
    def confidence(self) -> Path:
        """Its confidence (`SharedArray`)."""
        return self.folder / "confidence.u8"

    @property
    def doubt(self) -> Path:
        """How unsure it is, and between which classes (`Doubt`)."""
        return self.folder / "doubt.u8"

    @property
    def statistics(self) -> Path:
        """Mean and deviation of the orthophoto's bands (`annotations.images.statistics`)."""
        return self.folder / "statistics.json"


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """What was learnt.

    Parameters
    ----------
    folder : Path
        "weights" in the project.
    """

    folder: Path

    @property
    def best(self) -> Path:
        """All that prediction needs: a checkpoint."""
        return self.folder / "best_model.pth"

    @property
    def resume(self) -> Path:
        """All that training needs besides, to go on as if it had not stopped."""
        return self.folder / "resume.pth"


@dataclass(frozen=True, slots=True)
class ProjectFiles:
    """A project's folder.

    Parameters
    ----------
    folder : Path
        Of a name that ends in ".partialseg", as a rule.
    """

    folder: Path

    @property
    def document(self) -> Path:
        """Format, classes, orthophotos and settings."""
        return self.folder / "project.json"

    @property
    def backup(self) -> Path:
        """The document before the last change."""
        return self.folder / "project.json.bak"

    @property
    def lock(self) -> Path:
        """Held while a viewer may write (`ProjectLock`)."""
        return self.folder / "lock"

    @property
    def holder(self) -> Path:
        """Who holds the lock."""
        return self.folder / "lock.json"

    @property
    def images(self) -> Path:
        """A folder for each orthophoto, see `image`."""
        return self.folder / "images"

    @property
    def cache(self) -> Path:
        """A folder for each orthophoto, see `shared`; may be deleted."""
        return self.folder / "cache"

    @property
    def weights(self) -> WeightFiles:
        """What was learnt."""
        return WeightFiles(self.folder / "weights")

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that every project has."""
        return self.images, self.weights.folder, self.cache

    def image(self, image_id: str) -> ImageFiles:
        """Return what is kept of an orthophoto."""
        return ImageFiles(self.images / image_id)

    def shared(self, image_id: str) -> SharedFiles:
        """Return what of an orthophoto can be made again."""
        return SharedFiles(self.cache / image_id)
