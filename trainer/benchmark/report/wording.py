"""How the report words things: names of networks and labels, numbers, Markdown tables."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainer.benchmark.report.groups import Group, Spread, Variant
    from trainer.benchmark.results import CellResult

__all__ = [
    "MISSING",
    "aligned",
    "duration",
    "fraction_text",
    "in_markdown",
    "label_text",
    "labels_in_words",
    "listed",
    "model_title",
    "number",
    "plural",
    "spread_text",
    "variant_titles",
]

MISSING: Final = "–"
_TITLES: Final = {"unet": "UNet", "unetplusplus": "UNet++"}


def model_title(model: str) -> str:
    """Return the usual spelling of a network's name."""
    return _TITLES.get(model, model)


def number(value: float, digits: int = 4) -> str:
    """Return a number with that many digits after the point; a dash for NaN."""
    return f"{value:.{digits}f}" if math.isfinite(value) else MISSING


def spread_text(value: Spread, digits: int = 4) -> str:
    """Return "mean ± deviation", or the mean alone of a single value."""
    text = number(value.mean, digits)
    return f"{text} ± {value.sd:.{digits}f}" if math.isfinite(value.sd) else text


def fraction_text(fraction: float) -> str:
    """Return a share in percent, to three figures."""
    return f"{float(f'{100 * fraction:.3g}'):.12g} %" if math.isfinite(fraction) else MISSING


def label_text(cell: CellResult | Group) -> str:
    """Return what the labels are, in a few letters."""
    if cell.labels == "random":
        return f"{round(100 * cell.amount, 9):g} %"
    return plural(cell.amount, cell.labels.removesuffix("s"))


def labels_in_words(cell: CellResult | Group) -> str:
    """Return what the labels are, to go on with "gives" or "give"."""
    if cell.full:
        return "every pixel"
    if cell.labels == "random":
        return f"{label_text(cell)} of the pixels"
    where = "in a patch" if cell.labels == "clicks" else "for each class in a patch"
    return f"{label_text(cell)} {where} ({fraction_text(cell.fraction)} of the pixels)"


def plural(count: float, noun: str) -> str:
    """Return a count and its noun."""
    return f"{count:g} {noun}" if count == 1 else f"{count:g} {noun}s"


def listed(words: Sequence[str]) -> str:
    """Return "a", "a and b", or "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def duration(seconds: float) -> str:
    """Return a time in words, in the unit that suits it."""
    if not math.isfinite(seconds):
        return MISSING
    for unit, size in (("hour", 3600.0), ("minute", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.{1 if seconds < 20 * size else 0}f} {unit}s"
    return f"{seconds:.0f} seconds"


def variant_titles(variants: Sequence[Variant]) -> dict[Variant, str]:
    """Name variants by what they differ in; a single one has an empty name."""
    parts = {
        "preset": "preset {}",
        "width": "width {}",
        "input_size": "{} px",
        "batch_size": "batches of {}",
        "epochs": "{} epochs",
        "steps": "{} steps",
        "data": "data {:.8}",
        "recipe": "settings {:.6}",
    }
    different = [name for name in parts if len({getattr(v, name) for v in variants}) > 1]
    if "preset" in different and len({v.preset for v in variants}) == len(set(variants)):
        different = ["preset"]  # that tells them apart; what comes with a preset is in the table of all cells
    return {v: ", ".join(parts[name].format(getattr(v, name)) for name in different) for v in variants}


_MARKDOWN: Final = str.maketrans(
    {"<": "&lt;", ">": "&gt;", "\n": " ", "\r": " "} | {mark: f"\\{mark}" for mark in "|\\`*[]"}
)


def in_markdown(text: str) -> str:
    """Return text as Markdown shows it as it is: neither HTML, nor a link, nor the border of a table's cell."""
    return re.sub(r"&(?=#?\w+;)", "&amp;", text).translate(_MARKDOWN)


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> str:
    """Return a Markdown table with aligned columns; those after the first `texts` are shown to the right."""
    clean = [[in_markdown(cell) for cell in row] for row in (header, *rows)]
    widths = [max(3, *(len(row[i]) for row in clean)) for i in range(len(header))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in clean]
    rules = ["-" * (w + 2) if i < texts else "-" * (w + 1) + ":" for i, w in enumerate(widths)]
    lines.insert(1, "|" + "|".join(rules) + "|")
    return "\n".join(lines)
