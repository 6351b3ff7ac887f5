"""The history of a training run on disk: one JSON line an epoch as it ends, and the same as CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING, Any

from annotations.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["History"]


class History:
    """history.jsonl and history.csv in a folder; a new history replaces one that is there.

    Parameters
    ----------
    folder : Path
        Made when missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lines = folder / "history.jsonl"
        self._table = folder / "history.csv"
        self._rows: list[dict[str, Any]] = []
        self._lines.write_text("", "utf-8")

    def add(self, row: dict[str, Any]) -> None:
        """Append a row of plain values; every row has the same keys."""
        self._rows.append(row)
        # JSON has no word for NaN: null there, an empty field in the table.
        line = {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in row.items()}
        with self._lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self._rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {k: "" if isinstance(v, float) and math.isnan(v) else v for k, v in r.items()} for r in self._rows
        )
        write_atomically(self._table, text.getvalue().encode())
