"""Partial Seg for napari: draw a few strokes per land-cover class and watch a U-Net learn the map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_partialseg.widget import PartialSegWidget

__all__ = ["PartialSegWidget"]


def __getattr__(name: str) -> Any:
    """Import the widget only when it is asked for: readers and writers must not wait for it."""
    if name == "PartialSegWidget":
        from napari_partialseg.widget import PartialSegWidget

        return PartialSegWidget
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
