"""The arrays that a snapshot holds: read from its contents, each of which is checked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from zarr.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from annotations.classes import UNLABELLED
from annotations.errors import ProjectError
from annotations.labels.restoring import Recorded
from annotations.region import Region
from annotations.store.sparse_memory import sparse_zeros

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.history.content import ContentStore
    from annotations.history.snapshot import LabelSnapshot, Places

__all__ = ["read_recorded"]


def read_recorded(snapshot: LabelSnapshot, contents: ContentStore, shape: tuple[int, int]) -> Recorded:
    """Read a snapshot.

    Parameters
    ----------
    snapshot : LabelSnapshot
        Which.
    contents : ContentStore
        Where its contents are.
    shape : tuple of int
        (H, W) that the labels must have.

    Raises
    ------
    ProjectError
        A part is missing or damaged, or it is of an image of another size.
    """
    try:
        labels, held = _array(snapshot.labels, snapshot.descriptions[0], contents, shape, np.int8, UNLABELLED)
        numbers, parts = _array(snapshot.numbers, snapshot.descriptions[1], contents, shape, np.uint32, 0)
        points = json.loads(contents.get(snapshot.points)) if snapshot.points else []
        if not isinstance(points, list):
            raise ProjectError("its points are no list")
        if int(labels.max(initial=UNLABELLED)) >= len(snapshot.scheme) or int(labels.min(initial=0)) < UNLABELLED:
            raise ProjectError("it holds labels that are not one of its classes")
    except ProjectError as error:
        raise _damaged(snapshot, str(error)) from error
    except Exception as error:  # zarr and its codecs fail in many ways
        raise _damaged(snapshot, f"{type(error).__name__}: {str(error)[:200]}") from error
    # A kill between the two writes can leave a number behind on a pixel that has no label.
    for part in parts:
        numbers[part.slices][labels[part.slices] == UNLABELLED] = 0
    return Recorded(labels, numbers, points, snapshot.scheme, _used(labels, points, held, len(snapshot.scheme)))


def _used(labels: NDArray[np.int8], points: list[Any], parts: list[Region], n: int) -> frozenset[int]:
    counts = np.zeros(256, np.int64)
    for part in parts:
        counts += np.bincount(labels[part.slices].view(np.uint8).ravel(), minlength=256)
    marks = [entry.get("label") for entry in points if isinstance(entry, dict) and not entry.get("removed")]
    return frozenset([*np.flatnonzero(counts[:n]).tolist(), *(m for m in marks if isinstance(m, int) and 0 <= m < n)])


def _array(
    places: Places, description: str, contents: ContentStore, shape: tuple[int, int], dtype: Any, empty: int
) -> tuple[NDArray[Any], list[Region]]:
    """Return an array, and the parts of it that are not empty throughout."""
    prototype = default_buffer_prototype()
    held = {"zarr.json": contents.get(description)}
    held |= {f"c/{row}/{column}": contents.get(name) for (row, column), name in places.items()}
    store = MemoryStore({key: prototype.buffer.from_bytes(value) for key, value in held.items()})
    array = zarr.open_array(store, mode="r")
    if tuple(array.shape) != tuple(shape) or array.dtype != dtype:
        raise ProjectError(f"it holds {array.dtype} of {array.shape}, and {np.dtype(dtype)} of {shape} is wanted")
    result = sparse_zeros(shape, dtype) if empty == 0 else np.full(shape, empty, dtype)
    high, wide = array.chunks
    parts = [Region(row * high, column * wide, high, wide).clipped(shape) for row, column in places]
    for part in parts:
        result[part.slices] = array[part.slices]
    return result, parts


def _damaged(snapshot: LabelSnapshot, why: str) -> ProjectError:
    return ProjectError(
        f"The snapshot {snapshot.name or snapshot.id} cannot be used: {why.rstrip('.')}. Choose another; your labels "
        "are as they were."
    )
