"""What is said when a file cannot be written."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pyogrio.errors import DataLayerError, DataSourceError, FieldError
from rasterio.errors import RasterioError

from annotations.disk.full import why_not_written
from annotations.errors import PartialSegError
from annotations.export.targets import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["could_not_write", "unwritten"]

_CAUSES: Final = (
    OSError,
    RuntimeError,
    ValueError,
    sqlite3.Error,
    RasterioError,
    DataSourceError,
    DataLayerError,
    FieldError,
)


@contextmanager
def unwritten(path: Path) -> Iterator[None]:
    """Turn what the system or a library says into a PartialSegError that names the file and the way out."""
    try:
        yield
    except PartialSegError:  # says by itself what is wrong: a RasterError of the blocks names the file that is read
        raise
    except _CAUSES as error:
        raise could_not_write(path, error) from error


def could_not_write(path: Path, error: Exception) -> PartialSegError:
    """Return what to tell of a file that could not be written, an older one of that name being untouched."""
    return PartialSegError(
        f"{shown(path)}: could not be written ({why_not_written(error)}). "
        "Make room or choose another folder; an older file is as it was."
    )
