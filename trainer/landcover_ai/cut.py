"""The 512-px patches of a data set in the layout of LandCover.ai as files, named and numbered as its split.py does it.

    output/STEM_K.jpg   output/STEM_K_m.png

Training needs none of this: it reads patches from the orthophotos. Other programs want the files.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from tqdm import tqdm

from annotations.classes import NOT_PREDICTED
from annotations.disk.files import replacing
from annotations.images.gdal_raster import quiet_gdal
from trainer.landcover_ai.layout import SPLITS, DatasetError, cells
from trainer.landcover_ai.read import read_patches

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["CutResult", "ImageFormat", "cut_orthophotos"]

ImageFormat = Literal["jpeg", "png"]

# Quality 95 is the default of cv2.imwrite, which split.py calls; both halve the colours' resolution (4:2:0).
_IMAGES: Final[dict[ImageFormat, tuple[str, dict[str, Any]]]] = {
    "jpeg": (".jpg", {"driver": "JPEG", "quality": 95}),
    "png": (".png", {"driver": "PNG"}),
}
_MASK: Final = {"driver": "PNG"}
_MAX_CLASSES: Final = 128  # what labels of int8 can hold


@dataclass(frozen=True)
class CutResult:
    """What was done.

    Parameters
    ----------
    output : Path
        The folder of the patches.
    written, kept : int
        Patches of which a file was written; patches that were there already.
    """

    output: Path
    written: int
    kept: int


def cut_orthophotos(
    folder: Path, output: Path | None = None, *, image_format: ImageFormat = "jpeg", overwrite: bool = False
) -> CutResult:
    """Write every whole cell of every orthophoto, listed or not, and skip those that are there.

    A mask has one band with the class numbers, and 255 where the mask or the image says that there is no data: what is
    read from the files is what is read from the orthophotos. Each file is written under another name and then renamed,
    so that an interrupted run can be gone on with.

    Parameters
    ----------
    folder : Path
        The data set, with images/*.tif and masks/*.tif.
    output : Path, optional
        Instead of folder/output. The lists are copied into it, so that it can be read by itself.
    image_format : {"jpeg", "png"}
        "jpeg" as split.py writes it, with small losses; "png" without.
    overwrite : bool
        Write again what is there.

    Raises
    ------
    DatasetError
        The orthophotos are missing, do not fit their masks, or have bands that the format cannot hold; a file cannot be
        written.
    LabelError, RasterError
        A file cannot be read, or holds no classes.
    """
    target = folder / "output" if output is None else output
    ending, options = _IMAGES[image_format]
    patches = list(cells(folder))
    wanted = {patch.name: (target / f"{patch.name}{ending}", target / f"{patch.name}_m.png") for patch in patches}
    _make_folder(target)
    left = [patch for patch in patches if overwrite or not all(_is_there(path) for path in wanted[patch.name])]
    with tqdm(total=len(patches), initial=len(patches) - len(left), unit="patch", disable=None) as bar:
        for patch, pixels, truth in read_patches(left, _MAX_CLASSES):
            _check_bands(pixels, patch.image, image_format)
            mask = np.where(truth < 0, NOT_PREDICTED, truth).astype(np.uint8)
            for path, array, how in zip(wanted[patch.name], (pixels, mask[..., None]), (options, _MASK), strict=True):
                if overwrite or not _is_there(path):
                    _write(path, array, how)
            bar.update()
    if target.absolute().parent != folder.absolute():
        _copy_lists(folder, target)
    return CutResult(target, len(left), len(patches) - len(left))


def _is_there(path: Path) -> bool:
    # A file that was renamed just before the machine lost power may be there and empty.
    return path.is_file() and path.stat().st_size > 0


def _check_bands(pixels: NDArray[Any], image: Path, image_format: ImageFormat) -> None:
    bands, dtype = pixels.shape[2], pixels.dtype
    types: tuple[type, ...] = (np.uint8,) if image_format == "jpeg" else (np.uint8, np.uint16)
    if bands not in (1, 3) or dtype not in types:
        other = ", or --format png" if image_format == "jpeg" and bands in (1, 3) and dtype == np.uint16 else ""
        raise DatasetError(
            f"{image}: has {bands} bands of {dtype}, but a {image_format.upper()} image holds 1 or 3 of "
            f"{' or '.join(t.__name__ for t in types)}. Train on the orthophotos as they are, without cutting{other}."
        )


def _write(path: Path, array: NDArray[Any], options: dict[str, Any]) -> None:
    try:
        content = _encode(array, options)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except (RasterioError, OSError) as error:
        raise _failed(path, error) from error


def _encode(array: NDArray[Any], options: dict[str, Any]) -> bytes:
    height, width, bands = array.shape
    # PAM is GDAL's name for the .aux.xml that it would write beside an image.
    with quiet_gdal(), rasterio.Env(GDAL_PAM_ENABLED="NO"), MemoryFile() as memory:
        with memory.open(**options, height=height, width=width, count=bands, dtype=array.dtype) as file:
            file.write(np.moveaxis(array, -1, 0))
        return bytes(memory.getbuffer())


def _make_folder(target: Path) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _failed(target, error) from error


def _copy_lists(folder: Path, target: Path) -> None:
    for split in SPLITS:
        source, copy = folder / f"{split}.txt", target / f"{split}.txt"
        if source.is_file():
            try:
                with replacing(copy) as temporary:
                    shutil.copyfile(source, temporary)
            except OSError as error:
                raise _failed(copy, error) from error


def _failed(path: Path, error: Exception) -> DatasetError:
    return DatasetError(
        f"{path}: cannot be written ({error}). Make room or choose another folder with --output; the same command goes "
        "on from the patches that are there."
    )
