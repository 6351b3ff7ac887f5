"""A training run as event files for TensorBoard, an optional dependency."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from trainer.config import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from trainer.fit.loop import EpochResult

__all__ = ["EventLog"]


class EventLog:
    """Event files in a folder, a point an epoch; a context manager.

    Parameters
    ----------
    folder : Path or None
        None writes nothing.

    Raises
    ------
    ConfigError
        TensorBoard is not installed.
    """

    def __init__(self, folder: Path | None) -> None:
        self._writer: Any = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ConfigError(
                'event files need TensorBoard: pip install "napari-partialseg[tensorboard]", or leave out --tensorboard'
            ) from error
        self._writer = SummaryWriter(str(folder))

    def add(self, result: EpochResult, class_names: Sequence[str]) -> None:
        """Write an epoch's numbers at its step."""
        if self._writer is None:
            return
        for name, value in result.row(tuple(class_names)).items():
            if name not in ("epoch", "step") and math.isfinite(value):
                self._writer.add_scalar(name.replace("iou ", "iou/"), value, result.step)

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
