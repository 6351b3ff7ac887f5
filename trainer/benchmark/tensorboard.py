"""A training run as event files for TensorBoard, an optional dependency."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from trainer.config import ConfigError
from trainer.fit.events import EpochEnded, Started

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from trainer.benchmark.events import CellEvent

__all__ = ["EventLog", "event_writer"]


class EventLog:
    """Event files in a folder, a point an epoch; a context manager.

    Parameters
    ----------
    folder : Path or None
        Gets its files when training starts; None writes nothing.
    class_names : sequence of str
        Of the scores of each class.
    """

    def __init__(self, folder: Path | None, class_names: Sequence[str]) -> None:
        self._folder, self._class_names = folder, tuple(class_names)
        self._writer: Any = None

    def note(self, event: CellEvent) -> None:
        """Write an epoch's numbers at its step."""
        match event:
            case Started() if self._folder is not None:
                self._writer = event_writer()(str(self._folder))
            case EpochEnded(result) if self._writer is not None:
                for name, value in result.row(self._class_names).items():
                    if name not in ("epoch", "step") and math.isfinite(value):
                        self._writer.add_scalar(name.replace("iou ", "iou/"), value, result.step)

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()


def event_writer() -> Any:
    """Return what makes a writer of event files for a folder.

    Raises
    ------
    ConfigError
        TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigError(
            'event files need TensorBoard: pip install "napari-partialseg[tensorboard]", or leave out --tensorboard'
        ) from error
    return SummaryWriter
