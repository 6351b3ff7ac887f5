"""What a session is at one moment, for panels, jobs and tests to read: nothing in it changes, and it holds no layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from annotations.classes import ClassScheme
    from napari_partialseg.session.worker_link import Learning

__all__ = ["Snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """A session at one moment.

    Parameters
    ----------
    name : str
        Of the orthophoto.
    image : Path
        Its file.
    project : Path
        The project's folder.
    shape : tuple of int
        Height and width of the image in pixels.
    bands : int
        How many bands are learnt from.
    read_only : bool
        Whether nothing may be changed.
    scheme : ClassScheme
        The classes.
    counts : tuple of int
        Labelled pixels of each class, those that can be learnt.
    ignored : int
        Labelled pixels on ground of which the image has no data: they are kept, and not learnt.
    blind : bool
        Whether there is a class all of whose labels lie on such ground, or may do so.
    points : int
        How many points there are.
    label : int
        The class in hand; -1 while what is drawn becomes unlabelled.
    tool : str
        The tool in hand, a name of `TOOL_KEYS`; "" while a layer that is not ours is active.
    learning : Learning
        How far the worker is.
    unsaved : str
        Why the last write of labels failed; "" once it went through.
    """

    name: str
    image: Path
    project: Path
    shape: tuple[int, int]
    bands: int
    read_only: bool
    scheme: ClassScheme
    counts: tuple[int, ...]
    ignored: int
    blind: bool
    points: int
    label: int
    tool: str
    learning: Learning
    unsaved: str

    @property
    def labelled(self) -> int:
        """Labelled pixels of all classes that can be learnt."""
        return sum(self.counts)
