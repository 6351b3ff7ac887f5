"""The live learner starts from weights: the ones that ship with the tool, or any checkpoint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import rasterio
import torch
from live_helpers import CONFIG, SCHEME, SHAPE, make_work

from annotations.classes import LANDCOVER_AI, ClassScheme, LandClass
from annotations.region import Region
from trainer import protocol
from trainer.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from trainer.config import LiveConfig, ModelConfig, WorkConfig, to_plain
from trainer.imagery import Imagery
from trainer.live.start import STARTER_PATH
from trainer.models import build_model
from trainer.normalisation import Normalisation
from trainer.predict.blocks import BlockPredictor, predict_block
from trainer.worker.session import LiveSession

OTHER = ClassScheme((LandClass("lake", "#0000aa"), LandClass("town", "#aa0000")))


def make_checkpoint(path, *, model=CONFIG.model, scheme=OTHER, bands=3, imagery=None, scale=1.0):
    torch.manual_seed(5)
    network = build_model(model, bands, len(scheme))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    next(b for name, b in network.named_buffers() if name.endswith("running_var")).mul_(scale**2)  # of what it saw
    normalisation = Normalisation((100.0,) * bands, (50.0,) * bands)
    save_checkpoint(path, Checkpoint(model, bands, scheme, normalisation, network.state_dict(), imagery=imagery))
    return load_checkpoint(path)


def open_from(work, start, **live):
    config = replace(CONFIG, live=replace(CONFIG.live, start=str(start), **live))
    sent = []
    session = LiveSession(sent.append)
    session.handle(replace(work.message, config=to_plain(config)))
    return session, sent


def strokes(work):
    return (work.draw((20, 60), (20, 60), 0), work.draw((20, 60), (120, 160), 1), work.draw((20, 60), (220, 260), 2))


def train(session, steps):
    session.handle(protocol.Train())
    for _ in range(20 * steps):
        session.work()
        if session.snapshot().step >= steps:
            return
    raise AssertionError("no progress")


def test_the_weights_that_ship_with_the_tool_are_small_and_whole():
    assert STARTER_PATH.stat().st_size < 10_000_000
    starter = load_checkpoint(STARTER_PATH)
    assert starter.model == ModelConfig() == WorkConfig().model  # else the default would start from nothing
    assert starter.scheme.names == LANDCOVER_AI.names
    assert starter.config["leave_out"] == ["tile_2", "tile_3"]
    network = starter.build()
    assert all(torch.isfinite(tensor).all() for tensor in network.state_dict().values())
    assert LiveConfig().start == "starter"


def test_the_network_starts_from_them_unless_told_otherwise(tmp_path):
    work = make_work(tmp_path)
    sent = []
    session = LiveSession(sent.append)
    session.handle(replace(work.message, config=to_plain(WorkConfig(live=LiveConfig("network")))))
    opened = next(m for m in sent if isinstance(m, protocol.Opened))
    assert opened.start == "starter"
    mine = session.learner.model.state_dict()["encoder.2.0.weight"]
    assert torch.equal(mine, load_checkpoint(STARTER_PATH).state_dict["encoder.2.0.weight"].float())
    session.handle(protocol.Shutdown())


def test_a_network_that_they_do_not_fit_starts_from_nothing(tmp_path):
    session, sent = open_from(make_work(tmp_path), "starter")
    assert next(m for m in sent if isinstance(m, protocol.Opened)).start == "none"
    assert not session.learner.frozen
    session.handle(protocol.Shutdown())


def test_few_strokes_cannot_spoil_what_was_known(tmp_path):
    work = make_work(tmp_path)
    make_checkpoint(tmp_path / "other.pth")
    session, _ = open_from(work, tmp_path / "other.pth")
    learner = session.learner
    before = {name: tensor.clone() for name, tensor in learner.model.state_dict().items()}
    session.handle(protocol.LabelsChanged(strokes(work), 1))
    train(session, 20)
    changed = {name for name, tensor in learner.model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert "head.weight" in changed
    assert any(name.endswith("1.weight") for name in changed)
    convolutions = {name for name, tensor in before.items() if tensor.dim() == 4 and not name.startswith("head")}
    assert not changed & convolutions
    assert not {name for name in changed if "running" in name}
    session.handle(protocol.Shutdown())


def test_corrections_set_the_convolutions_free(tmp_path):
    work = make_work(tmp_path)
    make_checkpoint(tmp_path / "other.pth")
    session, _ = open_from(work, tmp_path / "other.pth")
    learner = session.learner
    session.handle(protocol.LabelsChanged(strokes(work), 1))
    train(session, 5)
    before = learner.model.state_dict()["encoder.1.0.weight"].clone()
    session.handle(protocol.LabelsChanged((work.draw((80, 180), (0, 99), 0),), 2))  # 9,900 pixels
    train(session, 10)
    assert not torch.equal(learner.model.state_dict()["encoder.1.0.weight"], before)
    session.handle(protocol.Shutdown())
    session, _ = open_from(work, tmp_path / "other.pth")  # what was learnt of the need for it is not forgotten
    assert session.learner.optimizer.corrected >= 9_900
    session.handle(protocol.Shutdown())


def test_the_pull_holds_what_was_known(tmp_path):
    far = {}
    for anchor in (0.0, 0.5):
        folder = tmp_path / str(anchor)
        folder.mkdir()
        work = make_work(folder)
        make_checkpoint(folder / "other.pth")
        session, _ = open_from(work, folder / "other.pth", anchor=anchor, lr=0.02)
        weight = session.learner.model.state_dict()["encoder.0.1.weight"]
        before = weight.clone()
        session.handle(protocol.LabelsChanged(strokes(work), 1))
        train(session, 40)
        far[anchor] = float((weight - before).abs().max())
        session.handle(protocol.Shutdown())
    assert far[0.5] < 0.3 * far[0.0]


def test_everything_learns_when_asked(tmp_path):
    work = make_work(tmp_path)
    make_checkpoint(tmp_path / "other.pth")
    session, _ = open_from(work, tmp_path / "other.pth", learn="all")
    learner = session.learner
    before = learner.model.state_dict()["encoder.1.0.weight"].clone()
    session.handle(protocol.LabelsChanged(strokes(work), 1))
    train(session, 3)
    assert not torch.equal(learner.model.state_dict()["encoder.1.0.weight"], before)
    session.handle(protocol.Shutdown())


def test_it_learns_this_image_from_weights_for_other_classes_and_bands(tmp_path):
    work = make_work(tmp_path)
    make_checkpoint(tmp_path / "four.pth", bands=4)
    session, _ = open_from(work, tmp_path / "four.pth", lr=0.02, anchor=0.0)
    session.handle(protocol.LabelsChanged(strokes(work), 1))
    train(session, 80)
    session.handle(protocol.Pause())
    while session.work():
        pass
    assert (work.prediction() == work.truth).mean() > 0.9
    session.handle(protocol.Shutdown())


def test_what_is_known_of_a_class_is_found_by_its_name(tmp_path):
    work = make_work(tmp_path)
    known = make_checkpoint(tmp_path / "other.pth").state_dict["head.weight"]
    session, _ = open_from(work, tmp_path / "other.pth")
    head = session.learner.model.state_dict()["head.weight"]
    assert torch.equal(head[SCHEME.names.index("lake")], known[OTHER.names.index("lake")])
    session.handle(protocol.Shutdown())


def test_a_checkpoint_brings_its_own_network(tmp_path):
    work = make_work(tmp_path)
    make_checkpoint(tmp_path / "wide.pth", model=ModelConfig("unetplusplus", width=8, levels=3))
    session, sent = open_from(work, tmp_path / "wide.pth")
    assert next(m for m in sent if isinstance(m, protocol.Opened)).model == "UNet++, width 8"
    session.handle(protocol.Shutdown())


RGB = Imagery("uint8", ("red", "green", "blue"), (0.5, 0.5), "metre")


def told(sent):
    return [m.text for m in sent if isinstance(m, protocol.Problem)]


def rgb(work, values=None, names=("red", "green", "blue")):
    """Write the image anew, its bands named, with other values where they are given."""
    path = work.folder / "field.tif"
    with rasterio.open(path) as file:
        profile, pixels = file.profile, file.read()
    pixels = pixels if values is None else values(pixels)
    with rasterio.open(path, "w", **{**profile, "dtype": pixels.dtype}) as file:
        file.write(pixels)
        file.descriptions = names
    return work


@pytest.mark.parametrize(
    ("learnt", "words"),
    [
        (replace(RGB, dtype="uint16"), ["uint8 (8 bits)", "uint16 (16 bits)", "its own mean and deviation"]),
        (replace(RGB, pixel_size=(10.0, 10.0)), ["pixels of 0.501 m", "pixels of 10 m", "learn slowly"]),
        (replace(RGB, band_names=("vv", "vh", "dem")), ["red, green, blue", "vv, vh, dem", "in their order"]),
        (replace(RGB, band_names=("green", "blue", "red")), ["red, green, blue", "green, blue, red", "by their names"]),
        (replace(RGB, band_names=("nir", "red", "green", "blue")), ["3 bands", "4 (nir, red", "by their names"]),
    ],
)
def test_a_checkpoint_of_another_kind_of_image_is_a_start_and_said(tmp_path, learnt, words):
    work = rgb(make_work(tmp_path))
    start = tmp_path / "other.pth"
    make_checkpoint(start, imagery=learnt, bands=len(learnt.band_names))
    session, sent = open_from(work, start)
    (text,) = told(sent)
    assert all(word in text for word in [*words, work.message.image, str(start)]), text
    assert next(m for m in sent if isinstance(m, protocol.Opened)).start == str(start)
    session.handle(protocol.LabelsChanged(strokes(work), 1))
    train(session, 2)
    session.handle(protocol.Shutdown())
    _, sent = open_from(work, start)  # training goes on: told when it began
    assert told(sent) == []


def test_nothing_is_said_of_a_checkpoint_of_the_same_kind(tmp_path):
    work = rgb(make_work(tmp_path))
    make_checkpoint(tmp_path / "other.pth", imagery=RGB)
    _, sent = open_from(work, tmp_path / "other.pth")
    assert told(sent) == []


def test_another_type_and_range_of_pixels_make_no_difference_to_a_start(tmp_path):
    maps = []
    for name, values in (("a", None), ("b", lambda pixels: pixels.astype("uint16") * 250 + 1000)):
        (tmp_path / name).mkdir()
        work = rgb(make_work(tmp_path / name), values)
        make_checkpoint(tmp_path / "other.pth", imagery=RGB)
        session, sent = open_from(work, tmp_path / "other.pth")
        assert len(told(sent)) == (name == "b")
        learner = session.learner
        predictor = BlockPredictor(learner.model.eval(), learner.normalisation, learner.precision)
        maps.append(predict_block(predictor, learner.image.read, SHAPE, Region.whole(SHAPE))[0])
    assert len(np.unique(maps[0])) > 1
    assert (maps[0] == maps[1]).mean() > 0.999  # but for rounding


def test_bands_in_another_order_are_taken_by_their_names(tmp_path):
    work = rgb(make_work(tmp_path))
    imagery = replace(RGB, band_names=("nir", "blue", "green", "red"))
    known = make_checkpoint(tmp_path / "other.pth", imagery=imagery, bands=4).state_dict["encoder.0.0.weight"]
    session, _ = open_from(work, tmp_path / "other.pth")
    mine = session.learner.model.state_dict()["encoder.0.0.weight"]
    torch.testing.assert_close(mine, known[:, [3, 2, 1]] + known[:, :1] / 3)


def test_what_was_learnt_of_bands_in_another_order_goes_on_by_their_names(tmp_path):
    work = rgb(make_work(tmp_path))
    (tmp_path / "weights").mkdir()
    imagery = replace(RGB, band_names=("blue", "green", "red"))
    known = make_checkpoint(tmp_path / "weights" / "best_model.pth", scheme=SCHEME, imagery=imagery)
    session, sent = open_from(work, "none")
    (text,) = told(sent)
    assert "blue, green, red" in text and "by their names" in text
    mine = session.learner.average.state_dict()["encoder.0.0.weight"]
    assert torch.equal(mine, known.state_dict["encoder.0.0.weight"].flip(1))


@pytest.mark.parametrize(("scale", "words"), [(4000.0, "times smaller"), (1e-3, "times larger")])
def test_a_network_that_would_see_nothing_is_refused_and_training_starts_as_usual(tmp_path, scale, words):
    work = rgb(make_work(tmp_path))
    start = tmp_path / "raw.pth"
    make_checkpoint(start, model=ModelConfig(width=4, levels=3), scale=scale)
    config = replace(WorkConfig(), live=replace(CONFIG.live, start=str(start)))
    sent = []
    session = LiveSession(sent.append)
    session.handle(replace(work.message, config=to_plain(config)))
    (text,) = told(sent)
    assert all(word in text for word in (str(start), work.message.image, words, "starter weights")), text
    opened = next(m for m in sent if isinstance(m, protocol.Opened))
    assert (opened.start, opened.model) == ("starter", "UNet, width 16")
    session.handle(protocol.LabelsChanged(strokes(work), 1))
    train(session, 1)
    session.handle(protocol.Shutdown())


def test_an_image_of_one_value_says_nothing_of_a_start(tmp_path):
    work = rgb(make_work(tmp_path), lambda pixels: pixels * 0 + 7)
    make_checkpoint(tmp_path / "other.pth", imagery=RGB)
    _, sent = open_from(work, tmp_path / "other.pth")
    assert told(sent) == []


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"gone\.pth"):
        open_from(make_work(tmp_path), tmp_path / "gone.pth")


def test_what_was_learnt_does_not_need_the_checkpoint_that_it_began_from(tmp_path):
    work = make_work(tmp_path)
    make_checkpoint(tmp_path / "wide.pth", model=ModelConfig(width=8, levels=3))
    session, _ = open_from(work, tmp_path / "wide.pth")
    session.handle(protocol.LabelsChanged(strokes(work), 1))
    train(session, 5)
    session.handle(protocol.Shutdown())
    (tmp_path / "wide.pth").unlink()
    session, sent = open_from(work, tmp_path / "wide.pth")
    opened = next(m for m in sent if isinstance(m, protocol.Opened))
    assert (opened.model, opened.step) == ("UNet, width 8", 5)
    session.handle(protocol.Shutdown())


def test_training_goes_on_where_it_stopped(tmp_path):
    work = make_work(tmp_path)
    make_checkpoint(tmp_path / "other.pth")
    session, _ = open_from(work, tmp_path / "other.pth")
    session.handle(protocol.LabelsChanged(strokes(work), 1))
    train(session, 12)
    kept = {name: tensor.clone() for name, tensor in session.learner.average.state_dict().items()}
    heat = session.learner.optimizer.heat
    session.handle(protocol.Shutdown())
    session, _ = open_from(work, tmp_path / "other.pth")
    learner = session.learner
    assert all(torch.equal(tensor, kept[name]) for name, tensor in learner.average.state_dict().items())
    assert learner.optimizer.heat == heat
    session.handle(protocol.Shutdown())


def test_zoomed_out_the_view_is_predicted_coarsely_first_and_finely_at_rest(tmp_path):
    work = make_work(tmp_path)
    make_checkpoint(tmp_path / "other.pth")
    session, sent = open_from(work, tmp_path / "other.pth", lr=0.02)
    session._map.schedule.set_view(Region.whole(SHAPE), 1.0)
    session._map.schedule.view_level = session.learner.level = 1  # the image is too small to be halved by itself
    session.handle(protocol.LabelsChanged(strokes(work), 1))
    train(session, 80)
    tiles = [t for m in sent if isinstance(m, protocol.Tiles) for t in m.tiles]
    assert {t.level for t in tiles} == {1}
    shown = work.prediction()
    assert (shown != 255).all()
    squares = shown.reshape(SHAPE[0] // 2, 2, SHAPE[1] // 2, 2)
    assert (squares == squares[:, :1, :, :1]).all()
    session.handle(protocol.Pause())
    sent.clear()
    while session.work():
        pass
    levels = [t.level for m in sent if isinstance(m, protocol.Tiles) for t in m.tiles]
    assert levels == sorted(levels, reverse=True)  # the view first, as it is seen; then all of it
    fine = [t.region for m in sent if isinstance(m, protocol.Tiles) for t in m.tiles if t.level == 0]
    assert sum(r.height * r.width for r in fine) == SHAPE[0] * SHAPE[1]
    # The map on the screen is that of the checkpoint, to the pixel.
    checkpoint = load_checkpoint(tmp_path / "weights" / "best_model.pth")
    learner = session.learner
    predictor = BlockPredictor(checkpoint.build(), checkpoint.normalisation, learner.precision)
    exported, _ = predict_block(predictor, learner.image.read, SHAPE, Region.whole(SHAPE))
    assert (work.prediction() == exported).all()
    session.handle(protocol.Shutdown())
