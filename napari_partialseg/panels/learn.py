"""Training: start, pause, stop; what the worker is doing, how fast, on what, and how the loss goes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_partialseg.panels.loss_plot import LossPlot
from napari_partialseg.panels.section import Section
from napari_partialseg.words import ElidedLabel, as_text
from trainer.config import WorkConfig

if TYPE_CHECKING:
    from trainer import protocol
    from trainer.config import ModelName

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
_STILL = frozenset({"starting", "waiting", "stopped", "died"})  # neither learning nor predicting
_AT_ONCE: Final = "Pretrained features"
_MODELS: Final[dict[str, ModelName]] = {"UNet": "unet", "UNet++": "unetplusplus"}
_WIDTHS = (8, 16, 32, 64)
_STARTS = {"starter weights": "starter", "nothing": "none"}
_OTHER = "a checkpoint…"


class LearnPanel(QWidget):
    """Buttons, state, figures and the loss curve.

    Signals
    -------
    train(), pause(), stop(), afresh(config)
        What the user asked for.
    by_itself(on)
        Whether Train is to be pressed for the user from now on.
    """

    by_itself = Signal(bool)
    train = Signal()
    pause = Signal()
    stop = Signal()
    afresh = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._config = WorkConfig()
        self._stale = False  # whether what comes is still of the orthophoto before
        self._seen_one = False
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
        buttons.setSpacing(4)
        for button in (self._train, self._pause, self._stop):
            buttons.addWidget(button)
        self._dot = QLabel("●")
        self._dot.setFixedWidth(16)
        self._state = ElidedLabel("no orthophoto open")
        state = QHBoxLayout()
        state.setSpacing(4)
        state.addWidget(self._dot)
        state.addWidget(self._state, 1)
        self._bar = _Bar()
        self.plot = LossPlot()
        figures = QGridLayout()
        figures.setHorizontalSpacing(4)
        figures.setVerticalSpacing(0)
        self._figures: dict[str, QLabel] = {}
        self._headings: dict[str, QLabel] = {}
        for i, (name, title) in enumerate(
            (("step", "step"), ("rate", "steps/s"), ("loss", "loss"), ("score", "mIoU")),
        ):
            value, heading = QLabel("–"), QLabel(title)
            heading.setStyleSheet("font-size: 11px")
            for row, label in enumerate((heading, value)):
                label.setAlignment(Qt.AlignmentFlag.AlignCenter)
                figures.addWidget(label, row, i)
            figures.setColumnStretch(i, 1)
            self._figures[name], self._headings[name] = value, heading
        self._figures["score"].setToolTip("Against the truth mask, if one is loaded")
        # What must stay in sight whatever is scrolled; the dock lays it out below the sections.
        self.controls = QWidget()
        control = QVBoxLayout(self.controls)
        control.setContentsMargins(0, 0, 0, 0)
        control.setSpacing(4)
        control.addLayout(state)
        control.addWidget(self._bar)
        control.addLayout(figures)
        control.addLayout(buttons)
        self._device = QLabel("")
        self._device.setTextFormat(Qt.TextFormat.PlainText)
        self._device.setWordWrap(True)
        self._model = QComboBox()
        self._model.addItems([_AT_ONCE, *_MODELS])
        self._model.setToolTip(
            "Pretrained features: the map is there at once after each stroke, and nothing is trained. UNet and UNet++ "
            "are trained while you draw, which takes minutes; UNet++ has a nested decoder and costs about 2.5 times as "
            "much"
        )
        self._model.currentTextChanged.connect(self._model_changed)
        self._width = QComboBox()
        self._width.addItems([str(w) for w in _WIDTHS])
        self._width.setToolTip("Channels at full resolution; 16 suits a CPU, 64 a graphics card")
        self._start = QComboBox()
        self._start.addItems([*_STARTS, _OTHER])
        self._start.setToolTip(
            "What training begins with: the weights that ship with the tool, which know edges, textures and some kinds "
            "of ground (for UNet of width 16); random weights; or what another project has learnt (best_model.pth), "
            "whatever its classes and bands"
        )
        self._start.activated.connect(self._start_chosen)
        self._where = QComboBox()
        self._where.addItems(["auto", "cpu", "cuda"])
        self._where.setToolTip("What computes; auto takes CUDA when there is one")
        self._afresh = QPushButton("Start afresh with this network")
        self._afresh.setToolTip("Forget what was learnt (the old weights are kept in the project) and begin anew")
        self._afresh.clicked.connect(lambda: self.afresh.emit(self.config()))
        for box in (self._model, self._width, self._start, self._where):
            # As wide as there is room, not as the longest entry: the dock may be narrow.
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            box.setMinimumWidth(64)
        self._network = network = QFormLayout()
        row = QHBoxLayout()
        row.addWidget(self._model, 1)
        row.addWidget(self._width, 1)
        network.addRow("network", row)
        network.addRow("computes on", self._where)
        network.addRow("starts from", self._start)
        self._by_itself = QCheckBox("train by itself")
        self._by_itself.setToolTip("Train is pressed for you as soon as two classes have labels")
        self._by_itself.toggled.connect(self.by_itself)
        network.addRow(self._by_itself)
        advanced = QWidget()
        rows = QVBoxLayout(advanced)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addLayout(network)
        rows.addWidget(self._afresh)
        self.advanced = Section("Advanced", advanced, expanded=False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.controls)
        layout.addWidget(self.plot)
        layout.addWidget(self._device)
        layout.addWidget(self.advanced)
        self.show_state("stopped", "no orthophoto open")
        self.set_ready(False)

    def set_ready(self, ready: bool) -> None:
        """Allow or forbid training."""
        for widget in (self._train, self._pause, self._stop, self._afresh):
            widget.setEnabled(ready)

    def begin(self, config: WorkConfig) -> None:
        """Show a configuration, and nothing yet of how its orthophoto is learnt."""
        self.set_config(config)
        self.clear()
        # The worker may still be telling of the one before, until it says that it has opened this one.
        self._stale, self._seen_one = self._seen_one, True
        self.show_state("starting", "opening the orthophoto")

    def end(self) -> None:
        """Show that nothing is open."""
        self.clear()
        self.show_state("stopped", "no orthophoto open")

    def clear(self) -> None:
        """Forget all figures and the curve."""
        for value in self._figures.values():
            value.setText("–")
        self.plot.clear()
        self._device.setText("")
        self._device.setToolTip("")
        self._bar.show_blocks(0, 0, None)

    def set_config(self, config: WorkConfig) -> None:
        """Show a configuration."""
        self._config = config
        at_once = config.live.method == "head"
        self._model.setCurrentText(
            _AT_ONCE if at_once else next(k for k, v in _MODELS.items() if v == config.model.name)
        )
        self._model_changed()
        if self._width.findText(str(config.model.width)) < 0:
            self._width.addItem(str(config.model.width))
        self._width.setCurrentText(str(config.model.width))
        self._where.setCurrentText(config.device.device)
        self._show_start(config.live.start)

    def _model_changed(self) -> None:
        """Ask only what matters for what is chosen."""
        trained = self._model.currentText() != _AT_ONCE
        self._width.setVisible(trained)
        self._network.setRowVisible(self._start, trained)
        self._network.setRowVisible(self._by_itself, trained)

    @property
    def wants_by_itself(self) -> bool:
        """Whether Train is to be pressed by itself."""
        return self._by_itself.isChecked()

    def show_by_itself(self, on: bool) -> None:
        """Show whether Train is pressed by itself."""
        self._by_itself.setChecked(on)

    def _show_start(self, start: str) -> None:
        """Select what training starts from; a checkpoint gets an entry of its own."""
        for text, value in _STARTS.items():
            if value == start:
                self._start.setCurrentText(text)
                return
        place = self._start.findData(start)
        if place < 0:
            place = self._start.count() - 1  # before the entry that asks for a file
            self._start.insertItem(place, f"{Path(start).parent.name}/{Path(start).name}", start)
            self._start.setItemData(place, as_text(start), Qt.ItemDataRole.ToolTipRole)
        self._start.setCurrentIndex(place)

    def _start_chosen(self, place: int) -> None:
        if self._start.itemText(place) != _OTHER:
            return
        path, _ = QFileDialog.getOpenFileName(self, "Start from a checkpoint", "", "Checkpoints (*.pth)")
        self._show_start(path or self._config.live.start)

    def _chosen_start(self) -> str:
        held = self._start.currentData()
        return str(held) if held else _STARTS[self._start.currentText()]

    def config(self) -> WorkConfig:
        """Return the configuration that is chosen."""
        base = self._config
        device = replace(base.device, device=self._where.currentText())
        chosen = self._model.currentText()
        if chosen == _AT_ONCE:
            return replace(base, live=replace(base.live, method="head"), device=device)
        width = int(self._width.currentText())
        model = replace(base.model.of_kind(_MODELS[chosen]), width=width)
        live = replace(base.live, method="network", start=self._chosen_start())
        return replace(base, model=model, live=live, device=device)

    def show_state(self, state: str, text: str) -> None:
        """Show what the worker is doing."""
        self._dot.setStyleSheet(f"color: {_COLOURS.get(state, '#9aa5b1')}")
        self._state.setText(text[:1].upper() + text[1:])
        self._train.setText("Training" if state == "training" else "Train")
        if state in _STILL:  # nothing is being predicted: no time is left to wait for
            self._bar.show_left(None)
            self._figures["rate"].setText("–")

    def show_opened(self, message: protocol.Opened) -> None:
        """Show device, precision and network."""
        self._stale = False
        many = "thread" if message.threads == 1 else "threads"
        threads = f", {message.threads} {many}" if message.device == "cpu" else ""
        place = "the processor" if message.device == "cpu" else "the graphics card"
        begun = {"starter": ", from starter weights", "none": ", from random weights", "": ""}.get(
            message.start, f", from {Path(message.start).name}"
        )
        self._device.setText(f"{message.model}{begun}; on {place}")
        self._show_course(message.start != "")
        self._device.setToolTip(
            as_text(f"{message.device}{threads}, {message.precision}: {message.reason}".removesuffix(": "))
        )
        self._figures["step"].setText(f"{message.step:,}")
        if message.step == 0:
            self.plot.clear()
            for name in ("loss", "rate"):
                self._figures[name].setText("–")
            self._bar.show_blocks(0, 0, None)

    def _show_course(self, trained: bool) -> None:
        """Show how training goes on, unless what learns is fitted at once."""
        self.plot.setVisible(trained)
        self._headings["step"].setText("step" if trained else "fits")
        for name in ("rate", "loss"):
            self._headings[name].setVisible(trained)
            self._figures[name].setVisible(trained)

    def show_progress(self, message: protocol.Progress) -> None:
        """Show figures, curve and how far the map is."""
        if self._stale:
            return
        self._figures["step"].setText(f"{message.step:,}")
        self._figures["rate"].setText(f"{message.steps_per_second:.1f}")
        if message.loss is not None:
            self._figures["loss"].setText(f"{message.loss:.3f}")
            self.plot.add(message.step, message.loss)
        self._bar.show_blocks(message.done, message.total, message.seconds_left, learnt=message.step > 0)

    def show_score(self, score: float | None) -> None:
        """Show the mIoU against the truth."""
        self._figures["score"].setText("–" if score is None else f"{score:.3f}")


class _Bar(QProgressBar):
    """How many blocks of the map are there, and how long the rest takes."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextVisible(True)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setFixedHeight(self.fontMetrics().height() + 6)  # its text inside it
        self.setStyleSheet(f"QProgressBar {{ min-height: {self.height()}px; max-height: {self.height()}px; }}")
        self.show_blocks(0, 0, None)

    def show_blocks(self, done: int, total: int, seconds: float | None, *, learnt: bool = True) -> None:
        """Show a pass of prediction; of 0 blocks when there is none: a learnt project may show the map that it kept.

        While one is opened nobody knows yet whether it is.
        """
        self._none = "not predicting" if learnt else "no map yet"
        # A new value is painted on the spot, and the whole window with it: a tenth of a second without a graphics card.
        self.setUpdatesEnabled(False)
        self.setMaximum(max(total, 1))
        self.setValue(done)
        self.show_left(seconds if done < total else None)
        self.setUpdatesEnabled(True)

    def show_left(self, seconds: float | None) -> None:
        """Show how long the rest takes, or None."""
        if self.maximum() == 1 and self.value() == 0:
            self.setFormat(self._none)
            return
        left = "" if seconds is None else f", {_duration(seconds)} left"
        self.setFormat(f"map: %v of %m blocks{left}")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
