"""Where a data set in the layout of LandCover.ai has its patches, and which of them each split lists.

    images/STEM.tif   masks/STEM.tif            orthophotos, from which patches are read by window
    output/STEM_K.jpg   output/STEM_K_m.png     or patches that somebody has cut out already
    train.txt   val.txt   test.txt              one STEM_K a line

K counts the cells of the 512-px grid of an orthophoto row by row, the cells cut off at the right and bottom edge
included, though they are no patches.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

from annotations.errors import PartialSegError
from annotations.rasters import open_dataset
from annotations.region import Region

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

Split = Literal["train", "val", "test"]
SPLITS: Final[tuple[Split, ...]] = get_args(Split)
"""The three lists."""


class DatasetError(PartialSegError):
    """A data set is incomplete or its parts do not fit each other."""


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
                if cut.is_dir() and next(cut.glob(f"*{_MASK_ENDING}"), None) is not None:
                    above = not any((folder / f"{split}.txt").is_file() for split in SPLITS)
                    return cls(cut.absolute().parent if above and cut == folder else folder, cut)
        return cls(folder, None)


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


def read_list(folder: Path, split: Split) -> list[str]:
    """Return the names in a split's file, in its order.

    Raises
    ------
    DatasetError
        It is missing, cannot be read or is empty.
    """
    listed_in = folder / f"{split}.txt"
    try:
        names = listed_in.read_text("utf-8").split()
    except FileNotFoundError:
        raise DatasetError(
            f"{listed_in}: is missing. A data set is a folder with images/*.tif, masks/*.tif, train.txt, val.txt and "
            "test.txt, as LandCover.ai has them; leave --data away to use the generated sample."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{listed_in}: cannot be read ({error}).") from error
    if not names:
        raise DatasetError(f"{listed_in}: lists no patch. Write one patch name (STEM_K) a line into it.")
    return names


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
        The list is missing, empty or names a patch twice; an image or a mask is missing; a patch lies outside its
        orthophoto; a mask has another size than its image.
    RasterError
        A file cannot be read.
    """
    layout = Layout.of(Path(folder))
    listed_in = layout.lists / f"{split}.txt"
    names = read_list(layout.lists, split)
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
    if twice:
        raise DatasetError(f"{listed_in}: the patch {min(twice)} is listed twice. Remove one of the lines.")
    if layout.cut is not None:
        return _cut_split(layout.cut, names, listed_in)
    sheets: dict[str, tuple[Path, Path, tuple[int, int]]] = {}
    patches = []
    for name in names:
        stem, _, number = name.rpartition("_")
        if not stem or not (number.isascii() and number.isdigit()):
            raise DatasetError(
                f"{listed_in}: {name!r} is no patch name. They have the form STEM_K, for example N-33_12."
            )
        if stem not in sheets:
            why = f"but {listed_in} lists the patch {name}. Copy the file there or take its patches off the list."
            sheets[stem] = _sheet(layout.lists, stem, why)
        image, mask, shape = sheets[stem]
        try:
            region = patch_region(int(number), shape)
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


def cut_patches(cut: Path) -> dict[str, Patch]:
    """Return the patches of a folder of cut patches by name: all STEM_K.jpg, .jpeg or .png that have a STEM_K_m.png."""
    # One look at the folder: asking for each of ten thousand files takes long on a network drive.
    files = {path.name for path in cut.iterdir()}
    patches = {}
    for file in sorted(files):
        name = file.removesuffix(_MASK_ENDING)
        image = next((name + ending for ending in _CUT_ENDINGS if name + ending in files), None)
        if name != file and image is not None:
            patches[name] = Patch(name, cut / image, cut / file, Region(0, 0, PATCH, PATCH))
    return patches


def cells(folder: Path) -> Iterator[Patch]:
    """Yield the whole cells of all orthophotos of a data set, by the order of their files, then of their numbers.

    Raises
    ------
    DatasetError
        There is no orthophoto; one has no mask or none that fits.
    RasterError
        A file cannot be read.
    """
    stems = {path.stem: path for ending in _ENDINGS for path in (folder / "images").glob(f"*{ending}")}
    if not stems:
        raise DatasetError(
            f"{folder / 'images'}: holds no orthophoto (*.tif). Give the folder of a data set in the layout of "
            "LandCover.ai, or fetch it: python -m trainer.landcover_ai fetch DIR"
        )
    for stem, path in sorted(stems.items()):
        image, mask, shape = _sheet(folder, stem, f"but {path} is there. Copy its mask there or move it away.")
        across = -(-shape[1] // PATCH)
        for row in range(shape[0] // PATCH):
            for number in range(row * across, row * across + shape[1] // PATCH):
                yield Patch(f"{stem}_{number}", image, mask, patch_region(number, shape))


def _find(folder: Path, stem: str, why: str) -> Path:
    for ending in _ENDINGS:
        path = folder / (stem + ending)
        if path.is_file():
            return path
    raise DatasetError(f"{folder / stem}{_ENDINGS[0]}: is missing, {why}")


def _sheet(folder: Path, stem: str, why: str) -> tuple[Path, Path, tuple[int, int]]:
    image, mask = _find(folder / "images", stem, why), _find(folder / "masks", stem, why)
    sizes = []
    for path in (image, mask):
        with open_dataset(path) as dataset:
            sizes.append((int(dataset.height), int(dataset.width)))
            if path == mask and dataset.count != 1:
                raise DatasetError(f"{mask}: has {dataset.count} bands, but a mask has one. Export the classes alone.")
    if sizes[0] != sizes[1]:
        raise DatasetError(
            f"{mask}: is {sizes[1][0]} x {sizes[1][1]} pixels, but {image} is {sizes[0][0]} x {sizes[0][1]}. "
            "Replace it by the mask of that orthophoto."
        )
    return image, mask, sizes[0]
