"""Classes and their values: -1 is unlabelled, indices count from 0, and class 0 is a class like any other."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.errors import LabelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LANDCOVER_AI", "MAX_CLASSES", "NOT_PREDICTED", "UNLABELLED", "ClassScheme", "LandClass", "check_labels"]

UNLABELLED: Final = -1
"""The int8 label of a pixel that nobody has labelled; fill value, padding and border of every warp."""

NOT_PREDICTED: Final = 255
"""The uint8 value of a pixel that has no prediction (yet)."""

MAX_CLASSES: Final = 127
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class LandClass:
    """One land-cover class.

    Parameters
    ----------
    name : str
        What the legend and the exported map say.
    colour : str
        "#rrggbb".
    key : str, optional
        The key that selects it while drawing: one character, or "" for none.
    """

    name: str
    colour: str
    key: str = ""

    def __post_init__(self) -> None:
        """Check name, colour and key."""
        if not self.name.strip():
            raise LabelError("a class needs a name")
        if not _HEX.fullmatch(self.colour):
            raise LabelError(f"class {self.name!r}: the colour {self.colour!r} is not of the form #rrggbb")
        if len(self.key) > 1:
            raise LabelError(f"class {self.name!r}: the key {self.key!r} is more than one character")

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue, 0 to 255."""
        return int(self.colour[1:3], 16), int(self.colour[3:5], 16), int(self.colour[5:7], 16)


@dataclass(frozen=True, slots=True)
class ClassScheme:
    """The classes of a project, in the order of their label values 0, 1, 2 ...

    Parameters
    ----------
    classes : tuple of LandClass
        1 to 127 classes with different names.
    """

    classes: tuple[LandClass, ...]

    def __post_init__(self) -> None:
        """Check the number of classes and that names differ."""
        if not 1 <= len(self.classes) <= MAX_CLASSES:
            raise LabelError(f"a class scheme holds 1 to {MAX_CLASSES} classes, not {len(self.classes)}")
        names = [c.name for c in self.classes]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise LabelError(f"two classes have the name {twice[0]!r}; rename one of them")

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, index: int) -> LandClass:
        return self.classes[index]

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of the label values."""
        return tuple(c.name for c in self.classes)

    @property
    def colours(self) -> tuple[str, ...]:
        """The colours as "#rrggbb", in the order of the label values."""
        return tuple(c.colour for c in self.classes)

    def with_class(self, index: int, **changes: str) -> ClassScheme:
        """Return a scheme in which class `index` has another name, colour or key."""
        classes = list(self.classes)
        classes[index] = replace(classes[index], **changes)
        return ClassScheme(tuple(classes))

    def added(self, land_class: LandClass) -> ClassScheme:
        """Return a scheme with one more class at the end; label values of the others stay."""
        return ClassScheme((*self.classes, land_class))

    def to_json(self) -> list[dict[str, str]]:
        """Return plain values for JSON, zarr attributes and checkpoints."""
        return [asdict(c) for c in self.classes]

    @classmethod
    def from_json(cls, value: list[dict[str, Any]]) -> ClassScheme:
        """Rebuild a scheme from `to_json`; unknown fields of a class are ignored."""
        return cls(
            tuple(LandClass(name=str(c["name"]), colour=str(c["colour"]), key=str(c.get("key", ""))) for c in value)
        )


LANDCOVER_AI: Final = ClassScheme(
    (
        LandClass("background", "#c8b88a", "1"),
        LandClass("building", "#e4572e", "2"),
        LandClass("woodland", "#2e933c", "3"),
        LandClass("water", "#2d7dd2", "4"),
        LandClass("road", "#a45ee5", "5"),
    )
)
"""The five classes of LandCover.ai, in its coding."""


def check_labels(
    labels: NDArray[Any], n_classes: int, source: str, *, unlabelled: int | None = None
) -> NDArray[np.int8]:
    """Return labels as int8 after checking every value, so that no value wraps round in silence.

    Parameters
    ----------
    labels : ndarray of integers or bool, any shape
        -1 for unlabelled, otherwise a class index.
    n_classes : int
        Number of classes of the scheme.
    source : str
        Where the labels come from (a file), for the message.
    unlabelled : int, optional
        A further value that stands for unlabelled in `source`, for example 255; it becomes -1.

    Raises
    ------
    LabelError
        A value is neither -1 (or `unlabelled`) nor in 0 .. n_classes - 1; the message names source, value and place.
    """
    if labels.dtype.kind not in "biu":
        raise LabelError(f"{source}: labels must be integers, not {labels.dtype}")
    bad = labels >= n_classes
    if labels.dtype.kind == "i":
        bad |= labels < UNLABELLED
    if unlabelled is not None:
        bad &= labels != unlabelled
    if bad.any():
        place = np.unravel_index(int(bad.argmax()), labels.shape)
        where = ", ".join(str(int(p)) for p in place)
        hint = ""
        if int(labels[place]) == 255:
            hint = " If 255 means unlabelled there, write -1 in its place."
        raise LabelError(
            f"{source}: value {int(labels[place])} at pixel ({where}) is not one of the {n_classes} classes "
            f"(0 to {n_classes - 1}) and not {UNLABELLED} (unlabelled). "
            f"Add the missing classes to the scheme or correct the file.{hint}"
        )
    result = labels.astype(np.int8)  # values that would wrap are the ones checked, or `unlabelled`
    if unlabelled is not None:
        result[labels == unlabelled] = UNLABELLED
    return result
