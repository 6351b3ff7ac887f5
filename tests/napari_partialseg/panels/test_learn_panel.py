"""The panel of training: its buttons, what it shows of the worker, and the configuration that is chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qtpy.QtWidgets import QFileDialog, QLabel
from viewer_helpers import button

from napari_partialseg.panels.learn import LearnPanel
from trainer import protocol
from trainer.config import DeviceConfig, LiveConfig, ModelConfig, PredictConfig, WorkConfig

pytestmark = pytest.mark.usefixtures("display", "qapp")


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
    deep = WorkConfig(model=model, live=LiveConfig("network", lr=1e-3), device=DeviceConfig("cpu"))
    learn.set_config(deep)
    learn._model.setCurrentText("UNet")
    learn._width.setCurrentText("32")
    learn.set_ready(True)
    with qtbot.waitSignal(learn.afresh) as caught:
        button(learn, "Start afresh with this network").click()
    wanted = replace(deep, model=ModelConfig("unet", 32))  # deep supervision is for UNet++ alone
    assert caught.args == [wanted]


def test_only_what_matters_for_the_network_is_asked(learn, qtbot):
    qtbot.addWidget(learn)
    learn.show()
    learn.advanced.expand()
    learn.set_config(WorkConfig())
    assert learn._model.currentText() == "Pretrained features"
    assert not learn._width.isVisible()
    assert not learn._start.isVisible()
    learn._model.setCurrentText("UNet++")
    assert learn._width.isVisible()
    assert learn._start.isVisible()
    assert (learn.config().live.method, learn.config().model.name) == ("network", "unetplusplus")
    learn._model.setCurrentText("Pretrained features")
    assert learn.config().live.method == "head"


def test_a_head_has_no_course_to_show(learn):
    learn.show_opened(protocol.Opened("cpu", "bfloat16", "", 2, "Linear head on pretrained features", 3, ""))
    assert "Linear head on pretrained features; on the processor" in shown(learn)
    assert "cpu, 2 threads, bfloat16" in learn._device.toolTip()
    assert learn.plot.isHidden()
    learn.show_opened(protocol.Opened("cpu", "bfloat16", "", 2, "UNet, width 16", 3, "starter"))
    assert not learn.plot.isHidden()


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
    assert "UNet, width 16, from starter weights; on the processor" in shown(learn)
    assert "cpu, 1 thread, bfloat16: because" in learn._device.toolTip()
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
    learn.begin(WorkConfig())  # being opened: a map that was kept is on the screen already
    assert learn._bar.text() == "not predicting"
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


@pytest.mark.parametrize("start", ["starter", "none", "/somewhere/field.partialseg/weights/best_model.pth"])
def test_the_start_is_kept_and_shown(learn, start):
    config = WorkConfig(live=LiveConfig(start=start))
    learn.set_config(config)
    assert learn.config() == config


def test_a_checkpoint_is_asked_for_and_a_change_of_mind_changes_nothing(learn, monkeypatch):
    learn.set_config(WorkConfig(live=LiveConfig("network")))
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
