"""The report as Markdown: every table in full."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from trainer.benchmark.report.summary import AVERAGES, notes, summary
from trainer.benchmark.report.tables import cells_table, groups_table, iou_table, published_table
from trainer.benchmark.report.wording import in_markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainer.benchmark.report.groups import Group
    from trainer.benchmark.results import CellResult

__all__ = ["TITLE", "markdown"]

TITLE = "Land-cover mapping from sparse labels"


def markdown(cells: Sequence[CellResult], groups: Sequence[Group], setting: dict[str, Any]) -> str:
    """Return the report as Markdown.

    Parameters
    ----------
    cells : sequence of CellResult
        At least one.
    groups : sequence of Group
        Of these cells.
    setting : dict
        Plain values.
    """
    parts = [
        f"# {TITLE}",
        in_markdown(" ".join(summary(groups))),
        *(f"Note: {in_markdown(note)}" for note in notes(cells, groups)),
        "## Beside the published report",
        published_table(groups).markdown(),
        "The published figures are for LandCover.ai at 384 px and width 64: they stand beside for orientation. Only "
        'the means over batches of cells of the preset "paper" (†) on that data are like them.',
        AVERAGES,
        "## Means over seeds",
        groups_table(groups).markdown(),
        "± is the sample standard deviation over cells that differ in their seed alone. % of full: the best mIoU "
        "relative to that of the same network, setting and seed learning from every pixel. Best: the kept epoch; "
        "final: the last. Test: the kept weights.",
        "## All cells",
        cells_table(cells).markdown(),
        "## IoU per class, of the kept weights",
    ]
    for scheme in dict.fromkeys(c.scheme for c in cells):
        parts.append(iou_table([c for c in cells if c.scheme == scheme]).markdown())
    parts += ["## Setting", "\n".join(_setting(setting)), "## Precision", "\n".join(_precision(cells))]
    return "\n\n".join(parts) + "\n"


def _setting(setting: dict[str, Any]) -> list[str]:
    plain = (str, int, float, bool, type(None))
    texts = {k: str(v) if isinstance(v, plain) else json.dumps(v, default=str) for k, v in setting.items()}
    return [in_markdown(f"- {k}: {text}") for k, text in texts.items()]


def _precision(cells: Sequence[CellResult]) -> list[str]:
    words = dict.fromkeys(c.precision for c in cells)
    if len(words) == 1:
        return [in_markdown(f"- {next(iter(words))}")]
    return [in_markdown(f"- {word}: {', '.join(c.name for c in cells if c.precision == word)}") for word in words]
