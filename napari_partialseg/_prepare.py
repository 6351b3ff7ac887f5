"""Everything a session needs from the disk: `trainer.opened.prepare`, which runs in a thread."""

from __future__ import annotations

from trainer.opened.prepare import Prepared, prepare

__all__ = ["Prepared", "prepare"]
