"""Where a data set in the layout of LandCover.ai has its patches, and which of them each split lists.

    images/STEM.tif   masks/STEM.tif            orthophotos, from which patches are read by window
    output/STEM_K.jpg   output/STEM_K_m.png     or patches that somebody has cut out already
    train.txt   val.txt   test.txt              one STEM_K a line

K counts the cells of the 512-px grid of an orthophoto row by row, the cells cut off at the right and bottom edge
included, though they are not patches.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from annotations.images.gdal_raster import open_dataset
from annotations.region import Region
from trainer.landcover_ai.lists import SPLITS, DatasetError, Split, patch_key, patch_stem, read_list, require_disjoint

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "PATCH",
    "SPLITS",
    "DatasetError",
    "Layout",
    "Patch",
    "Split",
    "cells",
    "cut_patches",
    "patch_region",
    "read_list",
    "read_split",
]

PATCH: Final = 512
"""Side of a patch in pixels."""
_ENDINGS: Final = (".tif", ".tiff")
_CUT_ENDINGS: Final = (".jpg", ".jpeg", ".png")
_MASK_ENDING: Final = "_m.png"


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch, not yet read.

    Parameters
    ----------
    name : str
        STEM_K, as in the split's file.
    image, mask : Path
        The orthophoto and its ground truth, or the two files of the patch where it was cut out already.
    region : Region
        Its pixels in both.
    """

    name: str
    image: Path
    mask: Path
    region: Region


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a data set are.

    Parameters
    ----------
    lists : Path
        The folder of train.txt, val.txt and test.txt.
    cut : Path or None
        The folder of patches that were cut out already; None where there are orthophotos.
    """

    lists: Path
    cut: Path | None

    @classmethod
    def of(cls, folder: Path) -> Layout:
        """Look for orthophotos first, then for patches in folder/output, then in the folder itself.

        The lists of a folder of patches may lie in it or one above, where LandCover.ai has them.
        """
        if not (folder / "images").is_dir():
            for cut in (folder / "output", folder):
                if cut.is_dir() and _holds_masks(cut):
                    above = not any((folder / f"{split}.txt").is_file() for split in SPLITS)
                    return cls(cut.absolute().parent if above and cut == folder else folder, cut)
        return cls(folder, None)


def _holds_masks(cut: Path) -> bool:
    # Who names a wrong folder shall not wait until all below it was looked through.
    top = any(name.lower().endswith(_MASK_ENDING) for name in os.listdir(cut))
    likely = cut.name == "output" or any((cut / f"{split}.txt").is_file() for split in SPLITS)
    return top or (likely and bool(_files(cut, (_MASK_ENDING,))))


def patch_region(number: int, shape: tuple[int, int]) -> Region:
    """Return the pixels of patch `number` of an orthophoto of `shape` (H, W).

    Raises
    ------
    ValueError
        There is no such cell, or it is cut off at the edge.
    """
    height, width = shape
    across, down = -(-width // PATCH), -(-height // PATCH)
    if not 0 <= number < across * down:
        raise ValueError(f"the orthophoto of {height} x {width} pixels has cells 0 to {across * down - 1}")
    region = Region(number // across * PATCH, number % across * PATCH, PATCH, PATCH)
    if not Region.whole(shape).contains(region):
        raise ValueError(f"that cell is cut off at the edge of the orthophoto of {height} x {width} pixels")
    return region


def read_split(folder: str | Path, split: Split) -> list[Patch]:
    """Return the patches of a split, in the order of its file, after checking that their files are there and fit.

    Parameters
    ----------
    folder : path
        The data set. Where it has no images folder, patches that were cut out already are looked for in its folder
        output and in the folder itself; their sizes are checked when they are read.
    split : {"train", "val", "test"}
        Which list.

    Raises
    ------
    DatasetError
        The list is missing, empty or names a patch twice; a patch is in another list too; an image or a mask is
        missing; a patch lies outside its orthophoto; a mask has another size than its image.
    RasterError
        A file cannot be read.
    """
    layout = Layout.of(Path(folder))
    listed_in = layout.lists / f"{split}.txt"
    names = read_list(layout.lists, split)
    seen = set()
    for name in names:
        if patch_key(name) in seen:
            raise DatasetError(f"{listed_in}: the patch {name} is listed twice. Remove one of the lines.")
        seen.add(patch_key(name))
    require_disjoint(layout.lists, split, names)
    if layout.cut is not None:
        return _cut_split(layout.cut, names, listed_in)
    files = _Sheets(layout.lists)
    sheets: dict[str, tuple[Path, Path, tuple[int, int]]] = {}
    patches = []
    for name in names:
        parts = patch_stem(name)
        if parts is None:
            raise DatasetError(
                f"{listed_in}: {name!r} is not a patch name. They have the form STEM_K, for example N-33_12."
            )
        stem, number = parts
        if stem not in sheets:
            why = f"but {listed_in} lists the patch {name}. Copy the file there or take its patches off the list."
            sheets[stem] = files.open(stem, why)
        image, mask, shape = sheets[stem]
        try:
            region = patch_region(number, shape)
        except ValueError as error:
            raise DatasetError(
                f"{listed_in}: there is no patch {name} in {image}: {error}. Correct the list."
            ) from None
        patches.append(Patch(name, image, mask, region))
    return patches


def _cut_split(cut: Path, names: list[str], listed_in: Path) -> list[Patch]:
    there = cut_patches(cut)
    for name in names:
        if name not in there:
            raise DatasetError(
                f"{cut / name}{_CUT_ENDINGS[0]} or its mask {name}{_MASK_ENDING}: is missing, but {listed_in} lists "
                "the patch. Copy both files there, or cut the orthophotos again: python -m trainer.landcover_ai cut"
            )
    return [there[name] for name in names]


def _files(folder: Path, endings: tuple[str, ...]) -> dict[str, list[Path]]:
    """Return the files with these endings, in any case, in a folder and those below it, by their names without them.

    One look at the folder: asking for each of ten thousand files takes long on a network drive.
    """
    found: dict[str, list[Path]] = {}
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        below = Path(where).relative_to(folder).as_posix()
        for file in sorted(files):
            ending = next((e for e in endings if file.lower().endswith(e)), None)
            if ending is not None and not file.startswith("."):
                name = file[: -len(ending)]
                found.setdefault(name if below == "." else f"{below}/{name}", []).append(Path(where, file))
    return found


def cut_patches(cut: Path) -> dict[str, Patch]:
    """Return the patches of a folder of cut patches by name: all STEM_K.jpg, .jpeg or .png that have a STEM_K_m.png.

    Raises
    ------
    DatasetError
        There are two images or masks for one name.
    """
    masks = _files(cut, (_MASK_ENDING,))
    images = _files(cut, _CUT_ENDINGS)
    return {
        name: Patch(name, _only(images[name]), _only(files), Region(0, 0, PATCH, PATCH))
        for name, files in sorted(masks.items())
        if name in images
    }


def _only(files: list[Path]) -> Path:
    if len(files) > 1:
        raise DatasetError(
            f"{files[0]} and {files[1].name}: two files for one name, so it is not clear which is meant. Move one away."
        )
    return files[0]


def cells(folder: Path) -> Iterator[Patch]:
    """Yield the whole cells of all orthophotos of a data set, by the order of their files, then of their numbers.

    Raises
    ------
    DatasetError
        There is no orthophoto; one has no mask or none that fits.
    RasterError
        A file cannot be read.
    """
    sheets = _Sheets(folder)
    if not sheets.images:
        raise DatasetError(
            f"{folder / 'images'}: holds no orthophoto (*.tif). Give the folder of a data set in the layout of "
            "LandCover.ai, or fetch it: python -m trainer.landcover_ai fetch DIR"
        )
    for stem, files in sorted(sheets.images.items()):
        image, mask, shape = sheets.open(stem, f"but {files[0]} is there. Copy its mask there or move it away.")
        across = -(-shape[1] // PATCH)
        for row in range(shape[0] // PATCH):
            for number in range(row * across, row * across + shape[1] // PATCH):
                yield Patch(f"{stem}_{number}", image, mask, patch_region(number, shape))


class _Sheets:
    """The orthophotos of a data set and their masks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.images = _files(folder / "images", _ENDINGS)
        self.masks = _files(folder / "masks", _ENDINGS)

    def _find(self, part: str, files: dict[str, list[Path]], stem: str, why: str) -> Path:
        if stem not in files:
            raise DatasetError(f"{self.folder / part / stem}{_ENDINGS[0]}: is missing, {why}")
        return _only(files[stem])

    def open(self, stem: str, why: str) -> tuple[Path, Path, tuple[int, int]]:
        """Return image, mask and their size (H, W)."""
        image, mask = self._find("images", self.images, stem, why), self._find("masks", self.masks, stem, why)
        sizes = []
        for path in (image, mask):
            with open_dataset(path) as dataset:
                sizes.append((int(dataset.height), int(dataset.width)))
                if path == mask and dataset.count != 1:
                    raise DatasetError(
                        f"{mask}: has {dataset.count} bands, but a mask has one. Export the classes alone."
                    )
        if sizes[0] != sizes[1]:
            raise DatasetError(
                f"{mask}: is {sizes[1][0]} x {sizes[1][1]} pixels, but {image} is {sizes[0][0]} x {sizes[0][1]}. "
                "Replace it by the mask of that orthophoto."
            )
        return image, mask, sizes[0]
