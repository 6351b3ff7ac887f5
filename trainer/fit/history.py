"""The history of a training run on disk: one JSON line an epoch, and the same as CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING, Any

from annotations.disk.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence
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

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write all rows so far; plain values, every row with the same keys."""
        # JSON has no word for NaN: null there, an empty field in the table.
        lines = [
            {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in row.items()}
            for row in rows
        ]
        write_atomically(self._lines, "".join(json.dumps(line) + "\n" for line in lines).encode())
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {k: "" if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()} for row in rows
        )
        write_atomically(self._table, text.getvalue().encode())
