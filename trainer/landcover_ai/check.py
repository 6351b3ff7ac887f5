"""Whether the lists of a data set in the layout of LandCover.ai and the patches there are agree with each other."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trainer.landcover_ai.layout import SPLITS, DatasetError, Layout, cells, cut_patches, read_list
from trainer.landcover_ai.lists import patch_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trainer.landcover_ai.layout import Split

__all__ = ["OFFICIAL_COUNTS", "PatchCheck", "check_patches"]

OFFICIAL_COUNTS: Final[Mapping[Split, int]] = {"train": 7470, "val": 1602, "test": 1602}
"""Patches in the lists of LandCover.ai, version 1."""
_SHOWN: Final = 5


@dataclass(frozen=True)
class PatchCheck:
    """What came of comparing the lists with the patches there are.

    Parameters
    ----------
    folder : Path
        The data set.
    counts : mapping of str to int
        Different patches in each list that is there.
    missing : tuple of str
        Listed, but there is no such whole cell, or no such pair of files where patches were cut out already.
    repeated : tuple of str
        Listed more than once, in one list or in several.
    surplus : tuple of str
        There, but in no list.
    """

    folder: Path
    counts: Mapping[Split, int]
    missing: tuple[str, ...]
    repeated: tuple[str, ...]
    surplus: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return the findings for people to read, one a line: the counts first, at most five names to each."""
        lines = [f"{self.folder}: " + ", ".join(f"{n} patches in {split}.txt" for split, n in self.counts.items())]
        lines += [f"{split}.txt is missing" for split in SPLITS if split not in self.counts]
        for names, what in (
            (self.missing, "missing (listed, but there is no such patch)"),
            (self.repeated, "listed more than once"),
            (self.surplus, "surplus (there, but in no list; not used)"),
        ):
            if names:
                lines.append(f"{len(names)} {what}: {_some(names)}")
        return lines

    def require(self, counts: Mapping[Split, int] | None = None) -> None:
        """Raise unless every listed patch is there, once, and the lists are as long as they should be.

        A surplus patch is not an error: whoever makes a list may leave patches out.

        Parameters
        ----------
        counts : mapping of str to int, optional
            How many patches each list should have.

        Raises
        ------
        DatasetError
            Names what is wrong.
        """
        wrong = []
        if self.missing:
            wrong.append(f"{len(self.missing)} listed patches are missing: {_some(self.missing)}")
        if self.repeated:
            wrong.append(f"{len(self.repeated)} patches are listed more than once: {_some(self.repeated)}")
        for split, expected in (counts or {}).items():
            found = self.counts.get(split)
            if found is None:
                wrong.append(f"{split}.txt is missing")
            elif found != expected:
                wrong.append(f"{split}.txt lists {found} patches, not {expected}")
        if wrong:
            raise DatasetError(
                f"{self.folder}: {'; '.join(wrong)}. Correct the lists, or put back what is missing: run "
                "python -m trainer.landcover_ai fetch or cut again."
            )


def check_patches(folder: str | Path) -> PatchCheck:
    """Compare the lists of a data set with its orthophotos, or with the patches that were cut out of them.

    A list may be left out, for example test.txt, but not all of them.

    Raises
    ------
    DatasetError
        There is no list, or one cannot be read or is empty; an orthophoto has no mask or one of another size.
    RasterError
        A file cannot be read.
    """
    folder = Path(folder)
    layout = Layout.of(folder)
    there = [split for split in SPLITS if (layout.lists / f"{split}.txt").is_file()]
    lists = {split: read_list(layout.lists, split) for split in there or SPLITS}
    first: dict[object, str] = {}  # names of one patch, STEM_7 and STEM_007, are one
    listed = Counter(first.setdefault(patch_key(name), name) for names in lists.values() for name in names)
    have = dict.fromkeys(cut_patches(layout.cut) if layout.cut is not None else _names(folder))
    present = set(have) if layout.cut is not None else {patch_key(name) for name in have}
    return PatchCheck(
        folder,
        {split: len(set(map(patch_key, names))) for split, names in lists.items()},
        missing=tuple(n for n in listed if (n if layout.cut is not None else patch_key(n)) not in present),
        repeated=tuple(name for name, times in listed.items() if times > 1),
        surplus=tuple(name for name in have if patch_key(name) not in first),
    )


def _names(folder: Path) -> Iterable[str]:
    return (patch.name for patch in cells(folder))


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
