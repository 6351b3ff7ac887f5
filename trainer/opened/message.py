"""How a worker is told what to open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotations.prediction.shared_array import SharedArray
from trainer import protocol
from trainer.config import to_plain

if TYPE_CHECKING:
    from trainer.config import WorkConfig
    from trainer.opened.open_image import OpenedImage

__all__ = ["open_message"]


def open_message(opened: OpenedImage, config: WorkConfig) -> protocol.Open:
    """Return the message that has a worker open what this process has opened and holds."""
    entry, ortho = opened.entry, opened.ortho
    return protocol.Open(
        image=str(ortho.path),
        labels=str(entry.files.labels),
        prediction=SharedArray.address(entry.shared.prediction),
        confidence=SharedArray.address(entry.shared.confidence),
        keep=str(entry.folder),
        weights=str(opened.project.weights),
        classes=opened.project.scheme.to_json(),
        config=to_plain(config),
        display_bands=tuple(ortho.display_bands),
        roles=ortho.roles.to_json(),
        doubt=SharedArray.address(entry.shared.doubt),
    )
