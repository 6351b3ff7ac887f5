"""Training: start, pause, stop; what the worker is doing, how fast, on what, and how the loss goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_partialseg._loss_plot import LossPlot
from trainer.config import DeviceConfig, ModelConfig, WorkConfig

if TYPE_CHECKING:
    from trainer import protocol

__all__ = ["LearnPanel"]

_COLOURS = {
    "starting": "#9aa5b1",
    "waiting": "#f2a541",
    "training": "#43aa5b",
    "resting": "#4ea8de",
    "predicting": "#4ea8de",
    "paused": "#f2a541",
    "stopped": "#9aa5b1",
    "died": "#e4572e",
}
_MODELS = {"UNet": "unet", "UNet++": "unetplusplus"}
_WIDTHS = (8, 16, 32, 64)


class LearnPanel(QWidget):
    """Buttons, state, figures and the loss curve.

    Signals
    -------
    train(), pause(), stop(), afresh(config)
        What the user asked for.
    """

    train = Signal()
    pause = Signal()
    stop = Signal()
    afresh = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._config = WorkConfig()
        self._train = QPushButton("Train")
        self._train.setToolTip("Train from now on; new strokes are taken in as you draw")
        self._train.clicked.connect(self.train)
        self._pause = QPushButton("Pause")
        self._pause.setToolTip("Stop training for now; the rest of the map is predicted")
        self._pause.clicked.connect(self.pause)
        self._stop = QPushButton("Stop")
        self._stop.setToolTip("Stop training and predicting, and save")
        self._stop.clicked.connect(self.stop)
        buttons = QHBoxLayout()
        for button in (self._train, self._pause, self._stop):
            buttons.addWidget(button)
        self._dot = QLabel("●")
        self._state = QLabel("no orthophoto open")
        self._state.setWordWrap(True)
        state = QHBoxLayout()
        state.addWidget(self._dot)
        state.addWidget(self._state, 1)
        self._bar = QProgressBar()
        self._bar.setTextVisible(True)
        self._bar.setFormat("map: %v of %m blocks")
        self._bar.setMaximumHeight(14)
        self.plot = LossPlot()
        figures = QGridLayout()
        figures.setHorizontalSpacing(12)
        self._figures: dict[str, QLabel] = {}
        for i, (name, title) in enumerate(
            (("step", "step"), ("rate", "steps/s"), ("loss", "loss"), ("score", "mIoU")),
        ):
            value = QLabel("–")
            figures.addWidget(QLabel(title), i // 2, 2 * (i % 2))
            figures.addWidget(value, i // 2, 2 * (i % 2) + 1)
            self._figures[name] = value
        self._figures["score"].setToolTip("Against the truth mask, if one is loaded")
        self._device = QLabel("")
        self._device.setWordWrap(True)
        self._model = QComboBox()
        self._model.addItems(list(_MODELS))
        self._model.setToolTip("UNet++ has a nested decoder and costs about 2.5 times as much")
        self._width = QComboBox()
        self._width.addItems([str(w) for w in _WIDTHS])
        self._width.setToolTip("Channels at full resolution; 16 suits a CPU, 64 a graphics card")
        self._where = QComboBox()
        self._where.addItems(["auto", "cpu", "cuda"])
        self._where.setToolTip("What computes; auto takes CUDA when there is one")
        self._afresh = QPushButton("Start afresh with this network")
        self._afresh.setToolTip("Forget what was learnt (the old weights are kept in the project) and begin anew")
        self._afresh.clicked.connect(lambda: self.afresh.emit(self.config()))
        network = QFormLayout()
        row = QHBoxLayout()
        row.addWidget(self._model, 1)
        row.addWidget(self._width)
        row.addWidget(self._where)
        network.addRow("network", row)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        layout.addLayout(state)
        layout.addWidget(self._bar)
        layout.addWidget(self.plot)
        layout.addLayout(figures)
        layout.addWidget(self._device)
        layout.addLayout(network)
        layout.addWidget(self._afresh)
        self.show_state("stopped", "no orthophoto open")
        self.set_ready(False)

    def set_ready(self, ready: bool) -> None:
        """Allow or forbid training."""
        for widget in (self._train, self._pause, self._stop, self._afresh):
            widget.setEnabled(ready)

    def set_config(self, config: WorkConfig) -> None:
        """Show a configuration."""
        self._config = config
        self._model.setCurrentText(next(k for k, v in _MODELS.items() if v == config.model.name))
        if self._width.findText(str(config.model.width)) < 0:
            self._width.addItem(str(config.model.width))
        self._width.setCurrentText(str(config.model.width))
        self._where.setCurrentText(config.device.device)

    def config(self) -> WorkConfig:
        """Return the configuration that is chosen."""
        base = self._config
        name = _MODELS[self._model.currentText()]
        model = ModelConfig(
            name=name,  # type: ignore[arg-type]  # one of the two by construction
            width=int(self._width.currentText()),
            levels=base.model.levels,
            deep_supervision=base.model.deep_supervision and name == "unetplusplus",
            norm=base.model.norm,
            upsampling=base.model.upsampling,
        )
        device = DeviceConfig(
            device=self._where.currentText(),  # type: ignore[arg-type]  # one of the three by construction
            precision=base.device.precision,
            threads=base.device.threads,
        )
        return WorkConfig(model, base.live, base.augment, device, base.predict)

    def show_state(self, state: str, text: str) -> None:
        """Show what the worker is doing."""
        self._dot.setStyleSheet(f"color: {_COLOURS.get(state, '#9aa5b1')}")
        self._state.setText(text[:1].upper() + text[1:])
        self._train.setText("Training" if state == "training" else "Train")

    def show_opened(self, message: protocol.Opened) -> None:
        """Show device, precision and network."""
        many = "thread" if message.threads == 1 else "threads"
        threads = f", {message.threads} {many}" if message.device == "cpu" else ""
        self._device.setText(f"{message.model} on {message.device}{threads}, {message.precision}")
        self._device.setToolTip(message.reason)
        self._figures["step"].setText(f"{message.step:,}")
        if message.step == 0:
            self.plot.clear()

    def show_progress(self, message: protocol.Progress) -> None:
        """Show figures, curve and how far the map is."""
        self._figures["step"].setText(f"{message.step:,}")
        self._figures["rate"].setText(f"{message.steps_per_second:.1f}")
        if message.loss is not None:
            self._figures["loss"].setText(f"{message.loss:.3f}")
            self.plot.add(message.step, message.loss)
        self._bar.setMaximum(max(message.total, 1))
        self._bar.setValue(message.done)
        left = "" if message.seconds_left is None else f", {_duration(message.seconds_left)} left"
        self._bar.setFormat(f"map: %v of %m blocks{left}")

    def show_score(self, score: float | None) -> None:
        """Show the mIoU against the truth."""
        self._figures["score"].setText("–" if score is None else f"{score:.3f}")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
