"""The benchmark's table: on the screen, as Markdown and as JSON, beside the published figures."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from annotations.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["PUBLISHED", "CellResult", "markdown", "table", "write_report"]

PUBLISHED: Final[dict[tuple[str, float], tuple[float, float, float]]] = {
    ("unetplusplus", 0.10): (0.5054, 0.5054, 0.8680),
    ("unet", 0.15): (0.4902, 0.4764, 0.8605),
    ("unet", 0.10): (0.4887, 0.4775, 0.8640),
    ("unetplusplus", 0.15): (0.4705, 0.4630, 0.8398),
}
"""Best mIoU, final mIoU and final accuracy of the published report, by model and label fraction: on LandCover.ai."""
_TITLES: Final = {"unet": "UNet", "unetplusplus": "UNet++"}


@dataclass(frozen=True, slots=True)
class CellResult:
    """One trained cell of the grid; NaN where no epoch gave a usable score.

    `best_miou` and `final_miou` come from one confusion matrix over the validation set; `best_batch_miou` and
    `final_batch_miou` are means over the batches' own mIoU, in the same two epochs, as the published report has them.
    """

    name: str
    model: str
    fraction: float
    seed: int
    width: int
    epochs: int
    best_epoch: int
    best_miou: float
    final_miou: float
    final_accuracy: float
    best_batch_miou: float
    final_batch_miou: float
    best_iou: tuple[float, ...]
    seconds: float


_HEADER: Final = (
    "Architecture",
    "Labels",
    "Best mIoU",
    "Final mIoU",
    "Final accuracy",
    "Best mIoU (batch mean)",
    "Minutes",
    "Published best / final / accuracy",
)


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}"


def _rows(cells: Sequence[CellResult]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for cell in sorted(cells, key=lambda c: (math.isnan(c.best_miou), -c.best_miou)):
        published = PUBLISHED.get((cell.model, round(cell.fraction, 6)))
        rows.append(
            (
                _TITLES.get(cell.model, cell.model),
                f"{100 * cell.fraction:g} %",
                _number(cell.best_miou),
                _number(cell.final_miou),
                _number(cell.final_accuracy),
                _number(cell.best_batch_miou),
                f"{cell.seconds / 60:.1f}",
                " / ".join(map(_number, published)) if published else "–",
            )
        )
    return rows


def table(cells: Sequence[CellResult]) -> str:
    """Return the table as a Markdown table with aligned columns, best cell first."""
    rows = [_HEADER, *_rows(cells)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADER))]
    lines = ["| " + " | ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def markdown(cells: Sequence[CellResult], class_names: Sequence[str], setting: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    lines = [
        "# UNet and UNet++ on sparse labels",
        "",
        table(cells),
        "",
        "mIoU is the mean over classes, from one confusion matrix over the labelled pixels of the validation set; a "
        "class in neither truth nor prediction is left out. The batch mean averages each batch's own mIoU instead, as "
        "the published report does. The published figures are for LandCover.ai at 384 px, width 64, on an A100: they "
        "stand beside for orientation; only the batch mean of `--preset paper` on that data is like them.",
        "",
        "## IoU per class, in the best epoch",
        "",
        "| Cell | Epoch | " + " | ".join(class_names) + " |",
        "|" + "---|" * (len(class_names) + 2),
    ]
    lines += [f"| {c.name} | {c.best_epoch} | " + " | ".join(map(_number, c.best_iou)) + " |" for c in cells]
    lines += ["", "## Setting", "", *(f"- {key}: {value}" for key, value in setting.items()), ""]
    return "\n".join(lines)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_report(
    folder: Path, cells: Sequence[CellResult], class_names: Sequence[str], setting: dict[str, Any]
) -> tuple[Path, Path]:
    """Write report.md and report.json into a folder; return both paths.

    Parameters
    ----------
    folder : Path
        Made when missing.
    cells : sequence of CellResult
        What is finished.
    class_names : sequence of str
        In the order of the label values.
    setting : dict
        Plain values: data, preset, precision, versions and the like.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = {"cells": [_plain(asdict(c)) for c in cells], "classes": list(class_names), "setting": _plain(setting)}
    paths = folder / "report.md", folder / "report.json"
    write_atomically(paths[0], markdown(cells, class_names, setting).encode())
    write_atomically(paths[1], (json.dumps(content, indent=2) + "\n").encode())
    return paths
