"""What a map says of itself: which network made it, of which image, when."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from annotations.export.styles import clean_text

if TYPE_CHECKING:
    from pathlib import Path

    from annotations.classes import ClassScheme

__all__ = ["Provenance", "file_digest", "tool_version"]

_CHUNK = 2**20


def tool_version() -> str:
    """Return the version of this tool; "unknown" in a checkout that was never installed."""
    try:
        return version("napari-partialseg")
    except PackageNotFoundError:
        return "unknown"


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits; "" where it cannot be read."""
    with suppress(OSError):
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()
    return ""


@dataclass(frozen=True)
class Provenance:
    """Where a map comes from. What is not known is "" or None, and is not written.

    Parameters
    ----------
    checkpoint : str
        SHA-256 of the checkpoint's file (`file_digest`).
    step : int, optional
        Training steps that the network had seen.
    image, fingerprint : str
        Name of the orthophoto's file, and what identifies its content.
    created : str
        ISO 8601 in UTC; by default now.
    smoothed : str
        What was done to the map after the network made it, in words; "" for nothing.
    """

    checkpoint: str = ""
    step: int | None = None
    image: str = ""
    fingerprint: str = ""
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    smoothed: str = ""

    def tags(self, scheme: ClassScheme) -> dict[str, str]:
        """Return name and value of each thing known, the classes as JSON among them."""
        values = {
            "PARTIALSEG_VERSION": tool_version(),
            "PARTIALSEG_CHECKPOINT_SHA256": self.checkpoint,
            "PARTIALSEG_STEP": "" if self.step is None else str(self.step),
            "PARTIALSEG_SMOOTHED": self.smoothed,
            "PARTIALSEG_DATE": self.created,
            "PARTIALSEG_CLASSES": json.dumps(scheme.to_json(), ensure_ascii=False),
            "PARTIALSEG_IMAGE": self.image,
            "PARTIALSEG_FINGERPRINT": self.fingerprint,
        }
        return {name: clean_text(value) for name, value in values.items() if value}

    def tiff_tags(self, scheme: ClassScheme) -> dict[str, str]:
        """Return `tags` and what TIFF itself has a place for."""
        date = self.created[:19].replace("-", ":").replace("T", " ")
        return {"TIFFTAG_SOFTWARE": f"Partial Seg {tool_version()}", "TIFFTAG_DATETIME": date, **self.tags(scheme)}
