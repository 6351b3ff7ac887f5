"""The benchmark's report, made from the cells' folders: report.html, report.md and report.json.

It reads what is finished, wherever it was computed: cells of several machines are merged by copying their folders
together. Nothing here imports torch.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from annotations.disk.files import write_atomically
from annotations.errors import PartialSegError
from trainer.benchmark.report.groups import Group, groups, percent_of_full
from trainer.benchmark.report.html_page import page
from trainer.benchmark.report.markdown import markdown
from trainer.benchmark.report.tables import PUBLISHED, table
from trainer.benchmark.results import RESULT_FILE, CellResult, plain, read_result, to_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = [
    "PUBLISHED",
    "CellResult",
    "Group",
    "ReportPaths",
    "collect",
    "groups",
    "percent_of_full",
    "table",
    "write_report",
]


@dataclass(frozen=True, slots=True)
class ReportPaths:
    """Where the report's three files are."""

    html: Path
    md: Path
    json: Path


def _natural(name: str) -> list[tuple[bool, float, str]]:
    """Order names so that unet_frac0.1 comes before unet_frac10, and that before unet_frac100."""
    parts = re.split(r"(\d+(?:\.\d+)?)", name)
    return [(i % 2 == 1, float(part) if i % 2 else 0.0, part) for i, part in enumerate(parts)]


def collect(folder: Path) -> list[CellResult]:
    """Read the results of all finished cells below a folder.

    Returns
    -------
    list of CellResult
        Named by their place below the folder, whatever they were called where they were computed; ordered by name.

    Raises
    ------
    ResultError
        A result is damaged or of a newer version.
    PartialSegError
        There is none.
    """
    if not folder.is_dir():
        what = "is a file, but results lie in a folder" if folder.is_file() else "there is no such folder"
        raise PartialSegError(f"{folder}: {what}. Name the folder that the cells are in.")
    cells = []
    for path in folder.rglob(RESULT_FILE):
        result = read_result(path.parent)
        if result is not None:
            cells.append(replace(result, name=path.parent.relative_to(folder).as_posix()))
    if not cells:
        raise PartialSegError(
            f"{folder}: holds no finished cell (a folder with {RESULT_FILE}). Run python -m trainer.benchmark --output "
            f"{folder} first, or name the folder that the cells are in."
        )
    return sorted(cells, key=lambda c: (_natural(c.name), c.name))


def _json(cells: Sequence[CellResult], grouped: Sequence[Group], setting: dict[str, Any]) -> dict[str, Any]:
    values = [{**to_json(c), "percent_of_full": plain(percent_of_full(c, cells))} for c in cells]
    for value in values:
        del value["format"]
    names = ("best_miou", "final_miou", "final_accuracy")
    return {
        "cells": values,
        "groups": [plain(g.to_json()) for g in grouped],
        "published": [
            {"model": model, "fraction": fraction, **dict(zip(names, scores, strict=True))}
            for (model, fraction), scores in PUBLISHED.items()
        ],
        "classes": list(cells[0].scheme.names),
        "setting": setting,
    }


def write_report(folder: Path, cells: Sequence[CellResult], setting: dict[str, Any]) -> ReportPaths:
    """Write report.html, report.md and report.json into a folder.

    Parameters
    ----------
    folder : Path
        Made when missing. Holds the cells' folders: training curves, examples and environments are shown as far as they
        are there.
    cells : sequence of CellResult
        What is finished, at least one, named by their place below the folder.
    setting : dict
        Plain values: data, precision, versions and the like.

    Raises
    ------
    PartialSegError
        There is no cell.
    """
    if not cells:
        raise PartialSegError(f"{folder}: there is no finished cell to report. Run python -m trainer.benchmark first.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PartialSegError(
            f"{folder}: cannot be made ({error.strerror or error}). Choose another folder."
        ) from error
    grouped, setting = groups(cells), plain(setting)
    paths = ReportPaths(folder / "report.html", folder / "report.md", folder / "report.json")
    content = json.dumps(_json(cells, grouped, setting), indent=2, default=str)
    write_atomically(paths.json, (content + "\n").encode())
    write_atomically(paths.md, markdown(cells, grouped, setting).encode())
    write_atomically(paths.html, page(folder, cells, grouped, setting).encode())
    return paths
