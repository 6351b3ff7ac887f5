"""Where libraries meet people: whatever one raises while a file is read becomes a RasterError that names the file."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from annotations.errors import PartialSegError, RasterError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["reading", "reason"]

_LONGEST = 300


def reason(error: BaseException) -> str:
    """Return what lies at the bottom of an error, in one line.

    GDAL chains its messages: the first says "Read failed", the last which file is missing.
    """
    texts = [str(error)]
    seen = {id(error)}
    cause = error.__cause__
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        texts.append(str(cause))
        cause = cause.__cause__
    text = next((t for t in reversed(texts) if t.strip()), type(error).__name__)
    if isinstance(error, MemoryError):
        text = f"not enough memory: {text}"
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


@contextmanager
def reading(path: Path | str, what: str, way_out: str) -> Iterator[None]:
    """Turn every exception within into a `RasterError`: "PATH: WHAT (reason). WAY OUT".

    Errors that are meant for people already pass as they are. rasterio, zarr, numpy and the codecs raise a dozen kinds
    for damaged files (ValueError, KeyError, OverflowError, MemoryError ...), so none is listed here.

    Raises
    ------
    RasterError
    """
    try:
        yield
    except PartialSegError:
        raise
    except Exception as error:
        raise RasterError(f"{path}: {what} ({reason(error)}). {way_out}") from error
