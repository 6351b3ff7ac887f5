"""Writing what a session holds into files: `trainer.opened.export`, which runs in a thread."""

from __future__ import annotations

from trainer.opened.export import NEEDS_PREDICTION, Content, protected_files, write

__all__ = ["NEEDS_PREDICTION", "Content", "protected_files", "write"]
