"""The panels by themselves: what they show, what they ask for, what they refuse."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QTextDocument
from qtpy.QtWidgets import QCheckBox, QFileDialog, QLabel, QPushButton, QTableWidget, QWidget

from annotations.classes import LANDCOVER_AI, ClassScheme, LandClass
from napari_partialseg.panels.banner import Banner
from napari_partialseg.panels.classes import ClassesPanel
from napari_partialseg.panels.export import KINDS, ExportPanel
from napari_partialseg.panels.learn import LearnPanel
from napari_partialseg.panels.loss_plot import LossPlot
from napari_partialseg.panels.masks import MasksPanel
from napari_partialseg.words import ElidedLabel, as_text
from trainer import protocol
from trainer.config import DeviceConfig, LiveConfig, ModelConfig, PredictConfig, WorkConfig


@pytest.fixture(autouse=True)
def screen(display, qapp):
    """Widgets need a screen."""


def button(panel, text):
    return next(b for b in panel.findChildren(QPushButton) if b.text() == text)


def texts(panel, column):
    table = panel.findChild(QTableWidget)
    return [table.item(row, column).text() for row in range(table.rowCount())]


# ---------------------------------------------------------------------------------------------------------- classes


@pytest.fixture
def classes(qtbot):
    panel = ClassesPanel(LANDCOVER_AI)
    qtbot.addWidget(panel)
    panel.told = []
    panel.edited.connect(lambda scheme: panel.told.append(("edited", scheme)))
    panel.refused.connect(lambda text: panel.told.append(("refused", text)))
    return panel


def test_the_classes_are_listed_with_key_and_count(classes):
    classes.set_counts([0, 1234, 7, 0, 2])
    assert texts(classes, 1) == list(LANDCOVER_AI.names)
    assert texts(classes, 2) == ["1", "2", "3", "4", "5"]
    assert texts(classes, 3) == ["–", "1,234", "7", "–", "2"]
    assert classes.told == []


def test_picking_a_row_picks_the_class(classes, qtbot):
    with qtbot.waitSignal(classes.selected) as caught:
        classes.select(3)
    assert caught.args == [3]
    assert classes.index == 3
    classes.select(99)
    assert classes.index == 3


def test_a_class_is_renamed_in_its_cell(classes):
    classes.findChild(QTableWidget).item(2, 1).setText("  forest ")
    ((what, scheme),) = classes.told
    assert what == "edited"
    assert scheme.names == ("background", "building", "forest", "water", "road")
    assert scheme.colours == LANDCOVER_AI.colours


@pytest.mark.parametrize("name", ["", "   ", "water"])
def test_a_name_that_cannot_be_is_refused_and_the_old_one_comes_back(classes, name):
    classes.findChild(QTableWidget).item(2, 1).setText(name)
    assert [what for what, _ in classes.told] == ["refused"]
    assert classes.scheme == LANDCOVER_AI
    assert texts(classes, 1) == list(LANDCOVER_AI.names)


def test_a_colour_changes_and_nothing_else(classes):
    classes.set_colour(1, "#010203")
    ((_, scheme),) = classes.told
    assert scheme == LANDCOVER_AI.with_class(1, colour="#010203")


def test_the_same_again_is_no_edit(classes):
    classes.rename(1, "building")
    classes.set_colour(1, LANDCOVER_AI.colours[1])
    assert classes.told == []


def test_classes_are_added_with_names_and_keys_of_their_own(classes):
    for _ in range(7):
        button(classes, "Add class").click()
    scheme = classes.told[-1][1]
    assert len(scheme) == len(set(scheme.names)) == 12
    assert scheme.classes[:5] == LANDCOVER_AI.classes
    assert [c.key for c in scheme.classes] == [*"123456789", "", "", ""]
    assert classes.index == 11


def test_a_class_added_after_a_rename_has_a_free_name(classes):
    classes.rename(0, "class 6")
    button(classes, "Add class").click()
    assert len(set(classes.scheme.names)) == 6


def test_the_last_class_goes_only_without_labels(classes):
    classes.set_counts([0, 0, 0, 0, 5])
    button(classes, "Remove last").click()
    assert classes.told[-1][0] == "refused"
    assert "road" in classes.told[-1][1]
    assert classes.scheme == LANDCOVER_AI
    classes.set_counts([9, 9, 9, 9, 0])
    button(classes, "Remove last").click()
    assert classes.told[-1] == ("edited", ClassScheme(LANDCOVER_AI.classes[:-1]))


def test_two_classes_stay(qtbot):
    panel = ClassesPanel(ClassScheme((LandClass("a", "#000000"), LandClass("b", "#ffffff"))))
    qtbot.addWidget(panel)
    with qtbot.waitSignal(panel.refused):
        panel.remove_last()
    assert len(panel.scheme) == 2


# ------------------------------------------------------------------------------------------------------------ learn


@pytest.fixture
def learn(qtbot):
    panel = LearnPanel()
    qtbot.addWidget(panel)
    return panel


def configurations():
    models = st.one_of(
        st.builds(
            ModelConfig,
            name=st.just("unetplusplus"),
            width=st.sampled_from([4, 8, 16, 24, 32, 64]),
            levels=st.integers(2, 6),
            deep_supervision=st.booleans(),
            norm=st.sampled_from(["batch", "group"]),
        ),
        st.builds(
            ModelConfig,
            name=st.just("unet"),
            width=st.sampled_from([4, 8, 16, 24, 32, 64]),
            levels=st.integers(2, 6),
            upsampling=st.sampled_from(["transposed", "bilinear"]),
            init=st.sampled_from(["he", "torch"]),
        ),
    )
    devices = st.builds(
        DeviceConfig,
        device=st.sampled_from(["auto", "cpu", "cuda"]),
        precision=st.sampled_from(["auto", "float32", "bfloat16"]),
        threads=st.integers(0, 8),
    )
    return st.builds(
        WorkConfig,
        model=models,
        live=st.builds(LiveConfig, lr=st.sampled_from([1e-3, 3e-3]), batch_size=st.integers(1, 16)),
        device=devices,
        predict=st.builds(PredictConfig, block=st.sampled_from([256, 512])),
    )


@settings(max_examples=25)
@given(config=configurations())
def test_a_configuration_that_is_shown_comes_back_whole(learn, config):
    learn.set_config(config)
    assert learn.config() == config


def test_another_network_keeps_the_rest_of_the_configuration(learn, qtbot):
    model = ModelConfig("unetplusplus", 16, deep_supervision=True)
    deep = WorkConfig(model=model, live=LiveConfig(lr=1e-3), device=DeviceConfig("cpu"))
    learn.set_config(deep)
    learn._model.setCurrentText("UNet")
    learn._width.setCurrentText("32")
    learn.set_ready(True)
    with qtbot.waitSignal(learn.afresh) as caught:
        button(learn, "Start afresh with this network").click()
    wanted = replace(deep, model=ModelConfig("unet", 32))  # deep supervision is for UNet++ alone
    assert caught.args == [wanted]


def test_nothing_can_be_pressed_before_an_orthophoto_is_open(learn):
    named = [button(learn, text) for text in ("Train", "Pause", "Stop", "Start afresh with this network")]
    assert not any(b.isEnabled() for b in named)
    learn.set_ready(True)
    assert all(b.isEnabled() for b in named)


@pytest.mark.parametrize(("text", "signal"), [("Train", "train"), ("Pause", "pause"), ("Stop", "stop")])
def test_the_buttons_ask_for_what_they_say(learn, qtbot, text, signal):
    learn.set_ready(True)
    with qtbot.waitSignal(getattr(learn, signal)):
        button(learn, text).click()


def shown(panel):
    return [label.text() for label in panel.findChildren(QLabel)]


def test_what_the_worker_tells_is_shown(learn):
    learn.show_opened(protocol.Opened("cpu", "bfloat16", "because", 1, "UNet, width 16", 1500, "starter"))
    assert "UNet, width 16, from starter weights; on cpu, 1 thread, bfloat16" in shown(learn)
    learn.show_progress(protocol.Progress(1510, 0.25, 6.25, (1, 2), 3, 4, 20, 125.0))
    for text in ("1,510", "6.2", "0.250"):
        assert text in shown(learn)
    assert learn._bar.value() == 4
    assert learn._bar.maximum() == 20
    assert "2 min left" in learn._bar.format()
    assert learn.plot.values == [(1510, 0.25)]
    learn.show_score(0.512)
    assert "0.512" in shown(learn)
    learn.show_score(None)
    assert "0.512" not in shown(learn)


def test_before_the_first_pass_no_block_is_said_to_be_missing(learn):
    for step, said in ((0, "no map yet"), (67, "not predicting")):
        learn.show_progress(protocol.Progress(step, None, 0.0, (), 0, 0, 0, None))
        assert learn._bar.text() == said
    learn.show_progress(protocol.Progress(67, None, 0.0, (), 0, 0, 16, None))
    assert learn._bar.text() == "map: 0 of 16 blocks"


def test_progress_without_a_loss_or_blocks_is_no_error(learn):
    learn.show_progress(protocol.Progress(0, None, 0.0, (), 0, 0, 0, None))
    assert learn.plot.values == []
    assert learn._bar.maximum() == 1


def test_weights_that_start_anew_start_the_curve_anew(learn):
    learn.plot.add(10, 1.0)
    learn.show_opened(protocol.Opened("cpu", "float32", "", 1, "UNet, width 16", 10))
    assert learn.plot.values
    learn.show_opened(protocol.Opened("cpu", "float32", "", 1, "UNet, width 16", 0))
    assert learn.plot.values == []


# -------------------------------------------------------------------------------------------------------- loss plot


@pytest.fixture
def plot(qtbot):
    widget = LossPlot()
    qtbot.addWidget(widget)
    widget.resize(260, 84)
    return widget


def painted(plot):
    """Return how many pixels have the colour of the curve, and the picture."""
    picture = plot.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    values = np.frombuffer(picture.constBits(), np.uint8).reshape(picture.height(), -1, 4)[:, : picture.width(), :3]
    return (np.abs(values.astype(int) - [0x41, 0xA5, 0xF2]).max(axis=2) < 40), values  # blue, green, red


@pytest.mark.parametrize(
    "values",
    [[], [0.5], [0.5, 0.5], [1e9, 1e-9], [0.0, 0.0, 0.0], [2.0 ** (-i / 40) for i in range(400)]],
    ids=["none", "one", "level", "wide", "zero", "many"],
)
def test_whatever_the_losses_are_it_paints(plot, values):
    for step, loss in enumerate(values):
        plot.add(step, loss)
    curve, _ = painted(plot)
    assert curve.any() == (len(values) >= 2)


def test_a_falling_loss_falls_on_the_screen(plot):
    for step in range(200):
        plot.add(step, 2.0 * 0.97**step)
    curve, _ = painted(plot)
    rows = [np.nonzero(curve[:, column])[0].mean() for column in range(50, 250, 40) if curve[:, column].any()]
    assert len(rows) >= 4
    assert all(later > earlier for earlier, later in pairwise(rows))


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_no_number_is_passed_over(plot, loss):
    plot.add(1, 0.5)
    plot.add(2, loss)
    assert plot.values == [(1, 0.5)]


def test_a_long_history_is_thinned_out_from_the_first_step_on(plot):
    for step in range(10000):
        plot.add(step, 1.0)
    steps = [step for step, _ in plot.values]
    assert len(steps) <= 600
    assert steps[0] == 0
    assert steps[-1] > 9900
    assert steps == sorted(set(steps))


def test_a_step_back_starts_the_curve_anew(plot):
    for step in range(50):
        plot.add(step, 1.0)
    plot.add(3, 2.0)
    assert plot.values == [(3, 2.0)]


# ----------------------------------------------------------------------------------------------------------- banner


@pytest.fixture
def banner(qtbot):
    parent = QWidget()
    qtbot.addWidget(parent)
    result = Banner(parent)
    result.keep = parent
    return result


def test_the_banner_is_hidden_until_there_is_something_to_say(banner):
    assert banner.text == ""
    banner.say("the disk is full")
    assert banner.text == "the disk is full"
    assert not banner.isHidden()
    assert button(banner, "").isHidden()


def test_the_way_out_is_taken_once_and_the_message_goes(banner):
    taken = []
    banner.say("the worker is gone", "Restart worker", lambda: taken.append(banner.text))
    assert not button(banner, "Restart worker").isHidden()
    button(banner, "Restart worker").click()
    assert taken == [""]
    assert banner.text == ""


def test_a_way_out_may_say_something_itself(banner):
    banner.say("the worker is gone", "Restart worker", lambda: banner.say("it cannot be started"))
    banner.press()
    assert banner.text == "it cannot be started"


def test_an_older_way_out_does_not_stay_behind_a_newer_message(banner):
    taken = []
    banner.say("first", "Do it", lambda: taken.append(1))
    banner.say("second")
    banner.press()
    assert taken == []


def test_messages_stand_below_each_other_and_go_with_their_cause(banner):
    banner.say("the disk is full", cause="disk")
    banner.say("the worker is gone", "Restart worker", lambda: None, cause="worker")
    banner.say("memory ran out")
    assert banner.text.split("\n") == ["memory ran out", "the worker is gone", "the disk is full"]
    banner.clear("worker")
    assert banner.text.split("\n") == ["memory ran out", "the disk is full"]
    banner.dismiss(0)
    assert banner._text.text() == "the disk is full"
    banner.clear("disk")
    assert banner.isHidden()


@pytest.mark.parametrize("name", ["<b>x</b>&<img src='http://nowhere/x.png'>", "a & b", "plain"])
def test_names_are_shown_as_they_stand(qtbot, banner, name):
    banner.say(name, detail=name)
    assert banner._text.textFormat() == Qt.TextFormat.PlainText
    assert banner.text == name
    document = QTextDocument()
    for tip in (banner._text.toolTip(), as_text(name)):
        if Qt.mightBeRichText(tip):
            document.setHtml(tip)
            assert name in document.toPlainText()
        else:
            assert name in tip
    label = ElidedLabel(name)
    qtbot.addWidget(label)
    assert label.textFormat() == Qt.TextFormat.PlainText
    assert label.text() == name


@pytest.mark.parametrize("padding", [0, 9])
def test_a_shortened_text_fits_whatever_the_style_puts_around_it(qtbot, padding):
    label = ElidedLabel("1,528 x 1,632 px, 3 bands; a_very_long_name_of_a_field.partialseg")
    qtbot.addWidget(label)
    label.setStyleSheet(f"padding: {padding}px")
    label.show()
    for width in (150, 200, 251):
        label.resize(width, 40)
        shown = QLabel.text(label)
        assert "…" in shown
        assert label.fontMetrics().horizontalAdvance(shown) <= width - 2 * padding
        assert label.fontMetrics().horizontalAdvance(shown) > width - 2 * padding - 40


# ------------------------------------------------------------------------------------------------- masks and export


def test_random_labels_need_a_truth_and_are_asked_for_as_a_share(qtbot):
    panel = MasksPanel()
    qtbot.addWidget(panel)
    draw = button(panel, "Draw random labels")
    assert not draw.isEnabled()
    panel.show_truth("truth.tif")
    button(panel, "15 %").click()
    panel.findChild(QCheckBox).setChecked(True)
    with qtbot.waitSignal(panel.draw_random) as caught:
        qtbot.mouseClick(draw, Qt.MouseButton.LeftButton)
    assert caught.args == [pytest.approx(0.15), 42, True]
    panel.show_truth("")
    assert not draw.isEnabled()


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("Load truth mask…", "load_truth"),
        ("Import labels from a file…", "import_labels"),
        ("Remove random labels", "clear_random"),
    ],
)
def test_the_mask_buttons_ask_for_what_they_say(qtbot, text, signal):
    panel = MasksPanel()
    qtbot.addWidget(panel)
    with qtbot.waitSignal(getattr(panel, signal)):
        button(panel, text).click()


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_kind_of_file_has_its_button(qtbot, kind):
    panel = ExportPanel()
    qtbot.addWidget(panel)
    with qtbot.waitSignal(panel.export) as caught:
        button(panel, KINDS[kind][0]).click()
    assert caught.args == [kind]


def test_one_export_at_a_time_and_it_can_be_given_up(qtbot):
    panel = ExportPanel()
    qtbot.addWidget(panel)
    cancel = button(panel, "Cancel")
    assert cancel.isHidden()
    begun = []
    panel.begun.connect(lambda: begun.append(panel.last))
    panel.show_busy("predicting the whole image")
    panel.show_busy("writing map.tif")
    assert begun == [cancel]  # once, so that the panel does not scroll away under the hand
    panel.show_part(0.4)
    assert panel._bar.value() == 40
    assert not any(button(panel, text).isEnabled() for text, _, _ in KINDS.values())
    with qtbot.waitSignal(panel.cancel):
        cancel.click()
    panel.show_busy("")
    assert cancel.isHidden()
    assert all(button(panel, text).isEnabled() for text, _, _ in KINDS.values())


@pytest.mark.parametrize("start", ["starter", "none", "/somewhere/field.partialseg/weights/best_model.pth"])
def test_the_start_is_kept_and_shown(learn, start):
    config = WorkConfig(live=LiveConfig(start=start))
    learn.set_config(config)
    assert learn.config() == config


def test_a_checkpoint_is_asked_for_and_a_change_of_mind_changes_nothing(learn, monkeypatch):
    box = learn._start
    other = box.count() - 1
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    box.setCurrentIndex(other)
    box.activated.emit(other)
    assert learn.config().live.start == "starter"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/there/weights/best_model.pth", ""))
    box.setCurrentIndex(other)
    box.activated.emit(other)
    assert learn.config().live.start == "/there/weights/best_model.pth"
    assert box.currentText() == "weights/best_model.pth"
