"""What a GIS shows a map with: a QGIS style, and the names of the classes where GDAL keeps them."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree

if TYPE_CHECKING:
    from pathlib import Path

    from annotations.classes import ClassScheme

__all__ = ["category_names", "clean_text", "is_our_style", "keep_foreign_style", "qgis_style"]

_HEADER: Final = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_MARK: Final = "<!--Written by Partial Seg, and replaced by it-->"
# Styles of this tool from before there was the mark.
_UNMARKED: Final = f'{_HEADER}<qgis version="3.22"><pipe><rasterrenderer type="paletted" band="1"'
# All that XML 1.0 has no place for, not even escaped.
_ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean_text(text: str) -> str:
    """Replace what XML 1.0 cannot hold (control characters, halves of surrogate pairs) by U+FFFD."""
    return _ILLEGAL.sub("\ufffd", text)


def qgis_style(scheme: ClassScheme) -> bytes:
    """Return a QGIS style (.qml) for a raster of class indices."""
    root = ElementTree.Element("qgis", version="3.22")
    renderer = ElementTree.SubElement(
        ElementTree.SubElement(root, "pipe"), "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1"
    )
    palette = ElementTree.SubElement(renderer, "colorPalette")
    for index, c in enumerate(scheme.classes):
        ElementTree.SubElement(
            palette,
            "paletteEntry",
            value=str(index),
            color=c.colour.lower(),
            alpha="255",
            label=clean_text(c.name),
        )
    return f"{_HEADER}{_MARK}\n{ElementTree.tostring(root, 'unicode')}".encode()


def category_names(scheme: ClassScheme) -> bytes:
    """Return GDAL's side file (.aux.xml) with the names of the classes of band 1."""
    root = ElementTree.Element("PAMDataset")
    names = ElementTree.SubElement(ElementTree.SubElement(root, "PAMRasterBand", band="1"), "CategoryNames")
    for name in scheme.names:
        ElementTree.SubElement(names, "Category").text = clean_text(name)
    return ElementTree.tostring(root, "unicode").encode()


def is_our_style(path: Path) -> bool:
    """Whether a .qml was written by this tool and not by a person, who may have spent an hour on it."""
    with suppress(OSError):
        text = path.read_bytes()[:400].decode("utf-8", "replace")
        return _MARK in text or text.startswith(_UNMARKED)
    return False


def keep_foreign_style(path: Path) -> None:
    """Rename a person's own style to NAME.before.qml (or before-2 ...), so that ours can take its name.

    Raises
    ------
    OSError
        It cannot be renamed.
    """
    if not os.path.lexists(path) or is_our_style(path):
        return
    number = 1
    kept = path.with_name(f"{path.stem}.before{path.suffix}")
    while os.path.lexists(kept):
        number += 1
        kept = path.with_name(f"{path.stem}.before-{number}{path.suffix}")
    os.replace(path, kept)
