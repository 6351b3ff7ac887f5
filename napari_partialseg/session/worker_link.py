"""A session's side of the worker: what it is told of this orthophoto, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from trainer import protocol
from trainer.config import WorkConfig, from_plain, to_plain
from trainer.opened.message import open_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotations.classes import ClassScheme
    from annotations.region import Region
    from napari_partialseg.session.worker_client import WorkerClient
    from trainer.opened.open_image import OpenedImage

__all__ = ["Learning", "WorkerLink"]


@dataclass(frozen=True)
class Learning:
    """How far the worker is, as it is known here.

    Parameters
    ----------
    wanted : bool
        Whether the person wants it to train.
    step : int
        Training steps that its network has seen.
    revision : int
        How often it was told of labels that changed.
    state : str
        What it said last that it does ("training", "resting", ...); "" before its first word.
    """

    wanted: bool = False
    step: int = 0
    revision: int = 0
    state: str = ""


class WorkerLink(QObject):
    """Has the worker learn what is open.

    Parameters
    ----------
    client : WorkerClient
        The worker's process.
    opened_image : OpenedImage
        What is open.
    view : callable
        Returns what the worker should know of the view.

    Signals
    -------
    status(Status), opened(Opened), progress(Progress), saved(Saved), tiles(Tiles)
        Messages of the worker.
    problem(text)
        Something went wrong that it goes on after.
    explained(text, detail)
        What helps in a bug report, to a problem that was told just before.
    died(text)
        It is gone; `open` starts it again.
    """

    status = Signal(object)
    opened = Signal(object)
    progress = Signal(object)
    saved = Signal(object)
    tiles = Signal(object)
    problem = Signal(str)
    explained = Signal(str, str)
    died = Signal(str)

    def __init__(
        self,
        client: WorkerClient,
        opened_image: OpenedImage,
        view: Callable[[], protocol.ViewChanged],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._client = client
        self._opened_image = opened_image
        self._view = view
        self._config = from_plain(WorkConfig, opened_image.project.config)
        self._learning = Learning()
        self._has_opened = False  # whether the worker said so, since it was last told to

    @property
    def config(self) -> WorkConfig:
        """How it is to learn."""
        return self._config

    @property
    def learning(self) -> Learning:
        """How far it is."""
        return self._learning

    def begin(self) -> None:
        """Listen to the worker, and have it open this orthophoto."""
        self._client.received.connect(self._receive)
        self._client.died.connect(self._gone)
        self.open()

    def stop(self) -> None:
        """Listen no more; the worker goes on until it is told to open something else."""
        self._client.received.disconnect(self._receive)
        self._client.died.disconnect(self._gone)

    def open(self) -> None:
        """Have the worker open this orthophoto; one that died starts again, and goes on from its last checkpoint."""
        self._has_opened = False
        self._client.start()
        self._client.send(open_message(self._opened_image, self._config))
        self.tell_view()
        if self._learning.wanted:
            self._client.send(protocol.Train())

    def train(self) -> None:
        """Train, or go on."""
        self._learning = replace(self._learning, wanted=True)
        if self._client.running:
            self._client.send(protocol.Train())
        else:
            self.open()

    def pause(self) -> None:
        """Stop training for now."""
        self._learning = replace(self._learning, wanted=False)
        self._client.send(protocol.Pause())

    def stop_training(self) -> None:
        """Stop training and predicting, and save."""
        self._learning = replace(self._learning, wanted=False)
        self._client.send(protocol.Stop())

    def start_afresh(self, config: WorkConfig) -> None:
        """Begin with new weights and this configuration; the old checkpoint is kept."""
        self._config = config
        self._opened_image.project.set_config(to_plain(config))
        self._client.send(protocol.StartAfresh(to_plain(config)))
        if self._learning.wanted:
            self._client.send(protocol.Train())

    def tell_view(self) -> None:
        """Say what is in view: that is predicted first."""
        self._client.send(self._view())

    def tell_labels(self, region: Region) -> None:
        """Say that labels have changed, and are on disk; an empty region is not worth a word."""
        if not region.empty:
            self._learning = replace(self._learning, revision=self._learning.revision + 1)
            self._client.send(protocol.LabelsChanged((region,), self._learning.revision))

    def tell_classes(self, scheme: ClassScheme) -> None:
        """Say which classes there are."""
        self._client.send(protocol.SetClasses(scheme.to_json()))

    def _receive(self, message: protocol.Message) -> None:
        match message:
            case protocol.Tiles() | protocol.Progress() | protocol.Saved() if not self._has_opened:
                pass  # it was under way: of what was open before, which may be larger
            case protocol.Tiles():
                self.tiles.emit(message)
            case protocol.Progress():
                self._learning = replace(self._learning, step=message.step)
                self.progress.emit(message)
            case protocol.Status():
                self._learning = replace(self._learning, state=message.state)
                self.status.emit(message)
            case protocol.Opened():
                self._has_opened = True
                self._learning = replace(self._learning, step=message.step)
                self.opened.emit(message)
            case protocol.Saved():
                self.saved.emit(message)
            case protocol.Problem(fatal=False):
                self._tell(message.text, message.detail)
            case protocol.Unknown(line=line, reason=reason):
                self._tell(f"The worker said something this viewer does not know: {reason}", line)

    def _tell(self, text: str, detail: str) -> None:
        self.problem.emit(text)
        if detail:
            self.explained.emit(text, detail)

    def _gone(self, text: str) -> None:
        self.died.emit(f"{text} All your labels are safe. Restart it to go on from its last checkpoint.")
