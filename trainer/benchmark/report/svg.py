"""Figures for a page: a palette that the colour-blind can tell apart, a plain style, and SVG that goes into HTML.

matplotlib is imported when something is drawn, and never its pyplot: nothing is kept between figures, and no window
system is asked for.
"""

from __future__ import annotations

import io
import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.figure import Figure

__all__ = ["FULL_WIDTH", "GREY", "drawing", "model_colours", "new_figure", "to_svg"]

FULL_WIDTH: Final = 10.8
"""Inches of a figure as wide as the page's text: shown 1:1, so that 9 pt are 12 px."""
GREY: Final = "#5f6368"

# Okabe and Ito's colours (https://jfly.uni-koeln.de/color/), without yellow, which is too light for lines on white.
_OWN: Final = {"unet": "#0072B2", "unetplusplus": "#D55E00"}
_OTHERS: Final = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

_STYLE: Final[Any] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib; the page replaces it by the system's, which is no wider
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.labelsize": 9,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.edgecolor": "#333333",
    "axes.labelcolor": "#222222",
    "text.color": "#222222",
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.6,
    "lines.markersize": 5.5,
    "text.parse_math": False,  # a dollar in a class's name is a dollar
    "svg.fonttype": "none",  # text stays text: it can be searched, and is set in the page's font
    "svg.hashsalt": "report",  # the same figures give the same file
}


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in the report's style; matplotlib's settings are as before afterwards."""
    import matplotlib

    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # The browser finds a font that has the letter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def new_figure(width: float, height: float, *, squares: bool = False) -> Figure:
    """Return an empty figure of that many inches, whose parts make room for each other; closely if they are squares."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="compressed" if squares else "constrained")


def model_colours(models: Sequence[str]) -> dict[str, str]:
    """Return a colour for each network: always the same for those that are known."""
    others = sorted(set(models) - set(_OWN))
    return _OWN | {name: _OTHERS[i % len(_OTHERS)] for i, name in enumerate(others)}


def to_svg(figure: Figure, prefix: str, description: str) -> str:
    """Return a figure as an <svg> element to be put into HTML.

    Parameters
    ----------
    figure : Figure
        Drawn within `drawing`, as this must be too.
    prefix : str
        Goes before every id, since a page has several figures; letters and digits.
    description : str
        For those who cannot see it.
    """
    from html import escape

    file = io.StringIO()
    figure.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    # matplotlib names every group, some of them alike; what nothing refers to needs no name.
    used = {*re.findall(r'(?:xlink:href="#|url\(#)([^")]*)', text)}
    text = re.sub(r' id="([^"]*)"', lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{prefix}-", text)
    width = round(figure.get_figwidth() * 96)
    opening = re.match(r"<svg[^>]*>", text)
    box = re.search(r'viewBox="[^"]*"', opening.group() if opening else "")
    if opening is None or box is None:
        raise ValueError("matplotlib's SVG does not begin as expected")
    start = f'<svg {box.group()} width="{width}" role="img" aria-label="{escape(description)}">'
    # In HTML a reference needs no namespace.
    return (start + text[opening.end() :]).replace("xlink:href", "href").strip()
