"""The data that a grid is trained and scored on."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from annotations.classes import LANDCOVER_AI
from trainer.fit.patches import read_all
from trainer.landcover_ai import DatasetError, read_split

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotations.classes import ClassScheme
    from trainer.config import FitConfig
    from trainer.fit.patches import Patches

__all__ = ["DataSet", "data_folder", "load"]


@dataclass(frozen=True)
class DataSet:
    """The patches of the three splits; `test` is None where there is no such split."""

    train: Patches
    val: Patches
    test: Patches | None
    scheme: ClassScheme

    @functools.cached_property
    def key(self) -> str:
        """Identifies the data, wherever they lie: the names of the patches, and their ground truth."""
        digest = hashlib.sha256()
        for patches in (self.train, self.val, self.test):
            names = () if patches is None else patches.names
            digest.update(json.dumps([*names, self.scheme.names]).encode())
            if patches is not None:
                for truth in patches.truth:
                    digest.update(truth.numpy())
        return digest.hexdigest()[:16]


def data_folder(given: Path | None) -> Path:
    """Return the folder of a data set that is given, or of a generated sample, which is made when missing.

    Raises
    ------
    DatasetError
        There is no such folder.
    """
    if given is not None:
        if not given.is_dir():
            raise DatasetError(
                f"{given}: there is no such folder. Give the folder that holds images, masks, train.txt."
            )
        return given
    from annotations.sample import write_landcover_layout

    return write_landcover_layout(Path(platformdirs.user_cache_dir("partialseg")) / "landcover_sample", seed=0)


def load(folder: Path, config: FitConfig, say: Callable[[str], None]) -> DataSet:
    """Read the patches of all splits, at the size that a configuration asks for.

    Parameters
    ----------
    folder : Path
        A data set in the layout of LandCover.ai.
    config : FitConfig
        Gives the size, and how images are brought to it.
    say : callable
        Takes what there is to know of the data.

    Raises
    ------
    DatasetError
        The data set is incomplete or its parts do not fit each other.
    """
    n_classes = len(LANDCOVER_AI)
    train, val = (read_all(read_split(folder, split), config, n_classes) for split in ("train", "val"))
    test = read_all(read_split(folder, "test"), config, n_classes) if (folder / "test.txt").is_file() else None
    for name, patches in (("val", val), ("test", test)):
        if patches is not None and patches.images.shape[1] != train.images.shape[1]:
            raise DatasetError(f"{folder}: the images of train.txt and {name}.txt have different numbers of bands")
    masked = sum(patches.masked for patches in (train, val, test) if patches is not None)
    if masked:
        say(
            f"{folder}: {masked} pixels have no data (masked, transparent, nodata, infinite or not a number); they are "
            "neither learnt from nor scored."
        )
    say(
        f"{folder}: {len(train)} training, {len(val)} validation and {len(test) if test else 'no'} test patches at "
        f"{config.input_size} px"
    )
    return DataSet(train, val, test, LANDCOVER_AI)
