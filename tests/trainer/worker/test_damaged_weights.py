"""Whatever is wrong with the saved network or the kept map: the worker opens, says it, and goes on."""

from __future__ import annotations

import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
import zarr
from live_helpers import CONFIG, SCHEME, SHAPE, make_work

from annotations.errors import PartialSegError
from annotations.prediction.kept_map import KeptPrediction, load_prediction
from annotations.region import Region
from trainer import protocol
from trainer.checkpoint import FORMAT, CheckpointError, load_checkpoint
from trainer.config import to_plain
from trainer.worker.files import keep_former, load_work
from trainer.worker.session import LiveSession


@pytest.fixture
def work(tmp_path):
    result = make_work(tmp_path)
    for label in range(3):
        result.draw((20, 60), (100 * label + 20, 100 * label + 60), label)
    return result


def opened(work, *messages):
    sent = []
    session = LiveSession(sent.append)
    session.handle(work.message)
    for message in messages:
        session.handle(message)
    return session, sent


def trained(work, steps=4):
    session, _ = opened(work, protocol.Train())
    while session.snapshot().step < steps:
        session.work()
    session.handle(protocol.Shutdown())
    return work.folder / "weights"


def texts(sent):
    return " ".join(m.text for m in sent if isinstance(m, protocol.Problem))


def test_a_whole_save_is_gone_on_from(work):
    weights = trained(work)
    notes = []
    _, state = load_work(weights, notes)
    assert state["step"] == 4
    assert notes == []
    session, sent = opened(work)
    assert session.snapshot().resumed
    assert texts(sent) == ""
    moments = session.learner.optimizer.state()["optimizers"][0]["state"]
    for place, saved in state["optimizers"][0]["state"].items():
        assert all(torch.equal(moments[place][name], saved[name]) for name in saved)


def test_the_state_of_another_save_is_not_used(work):
    weights = trained(work)
    old = (weights / "resume.pth").read_bytes()
    content = torch.load(weights / "best_model.pth")
    torch.save({**content, "step": 4, "metrics": {"other": 1}}, weights / "best_model.pth")
    assert (weights / "resume.pth").read_bytes() == old
    session, sent = opened(work)
    assert not session.snapshot().resumed
    assert session.snapshot().step == 4
    assert "another save" in texts(sent)


def test_a_state_of_a_former_version_without_a_hash_is_used(work):
    weights = trained(work)
    state = torch.load(weights / "resume.pth")
    del state["of"]
    torch.save(state, weights / "resume.pth")
    assert opened(work)[0].snapshot().resumed


def _garbage(path):
    path.write_bytes(b"cut off")


def _folder(path):
    path.unlink()
    path.mkdir()
    (path / "inside").write_text("x")


def _empty(path):
    path.write_bytes(b"")


def _bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 10_000_000)


@pytest.mark.parametrize("name", ["best_model.pth", "resume.pth"])
@pytest.mark.parametrize("damage", [_garbage, _folder, _empty, _bomb])
def test_a_damaged_file_is_set_aside_and_said(work, name, damage):
    weights = trained(work)
    damage(weights / name)
    session, sent = opened(work, protocol.Train())
    assert name in texts(sent)
    assert (weights / name.replace(".", "-set-aside.")).exists()
    before = session.snapshot().step
    while session.snapshot().step < before + 2:
        session.work()
    session.handle(protocol.Save())
    assert isinstance(sent[-1], protocol.Saved)
    session.handle(protocol.StartAfresh(to_plain(CONFIG)))
    assert session.snapshot().step == 0


def test_a_newer_network_stays_until_one_starts_afresh(work):
    weights = trained(work)
    content = torch.load(weights / "best_model.pth")
    torch.save({**content, "format": FORMAT + 1}, weights / "best_model.pth")
    sent = []
    session = LiveSession(sent.append)
    for message in (work.message, protocol.Train()):
        with pytest.raises(PartialSegError, match="newer version"):
            session.handle(message)
    assert (weights / "best_model.pth").is_file()
    session.handle(protocol.StartAfresh(to_plain(CONFIG)))
    assert session.opened
    assert len(list(weights.glob("before_*"))) == 1


def test_former_weights_are_never_overwritten(tmp_path, monkeypatch):
    monkeypatch.setattr("time.strftime", lambda _: "before_20260101_000000.pth")
    for n in range(3):
        (tmp_path / "best_model.pth").write_text(str(n))
        keep_former(tmp_path)
    assert sorted(p.read_text() for p in tmp_path.iterdir()) == ["0", "1", "2"]


def _change(state, how):
    moments = state["optimizers"][0]["state"]
    if how == "shape":
        moments[0]["exp_avg"] = torch.zeros(3)
    elif how == "type":
        moments[0]["exp_avg"] = moments[0]["exp_avg"].double()
    elif how == "nan":
        moments[0]["exp_avg"].fill_(float("nan"))
    elif how == "sparse":
        moments[0]["exp_avg"] = moments[0]["exp_avg"].to_sparse()
    elif how == "place":
        moments[10_000] = moments.pop(0)
    elif how == "negative":
        moments[0]["exp_avg_sq"].fill_(-1.0)
    elif how == "groups":
        state["optimizers"][0]["param_groups"] = [7]
    elif how == "model":
        state["model"] = {name: torch.zeros(2) for name in state["model"]}
    elif how == "heat":
        state["heat"] = "hot"
    elif how == "optimizers":
        state["optimizers"] = {"a": 1}
    return state


@pytest.mark.parametrize(
    "how", ["shape", "type", "nan", "sparse", "place", "negative", "groups", "model", "heat", "optimizers"]
)
def test_a_strange_state_is_refused_before_it_is_used(work, how):
    weights = trained(work)
    torch.save(_change(torch.load(weights / "resume.pth"), how), weights / "resume.pth")
    session, sent = opened(work, protocol.Train())
    assert not session.snapshot().resumed
    assert "resume.pth" in texts(sent)
    while session.snapshot().step < 6:
        session.work()


def test_moments_of_other_strides_are_laid_out_like_the_weights(work):
    weights = trained(work)
    state = torch.load(weights / "resume.pth")
    for moments in state["optimizers"][0]["state"].values():
        if moments["exp_avg"].ndim == 4:
            moments["exp_avg"] = moments["exp_avg"].new_zeros(()).expand(moments["exp_avg"].shape)
    torch.save(state, weights / "resume.pth")
    session, _ = opened(work)
    for optimizer in session.learner.optimizer.optimizers:
        for weight, moments in optimizer.state.items():
            assert moments["exp_avg"].stride() == weight.stride()


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"width": 10**6}},
        {"in_channels": 10**12},
        {"state_dict": [1]},
        {"normalisation": {"mean": [float("nan")] * 3, "std": [1.0] * 3}},
        {"classes": [{"name": 1}]},
        {"step": float("inf")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_hostile_checkpoint_is_refused(work, change):
    path = trained(work) / "best_model.pth"
    torch.save({**torch.load(path), **change}, path)
    with pytest.raises(CheckpointError, match="best_model"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(1).expand(10**12),
        torch.zeros(2, device="meta"),
        torch.full((3,), float("inf")),
        torch.eye(3).to_sparse(),
        "a word",
    ],
    ids=["huge", "meta", "infinite", "sparse", "word"],
)
def test_hostile_weights_are_refused(work, tensor):
    path = trained(work) / "best_model.pth"
    content = torch.load(path)
    name = next(n for n, t in content["state_dict"].items() if t.shape == (3,))
    content["state_dict"][name] = tensor
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"best_model"):
        load_checkpoint(path)


# ------------------------------------------------------------------------------------------------ the kept map

MAP = np.arange(SHAPE[0] * SHAPE[1], dtype=np.uint8).reshape(SHAPE) % 3


def _kept(folder):
    kept = KeptPrediction(folder, SHAPE)
    kept.mark(Region.whole(SHAPE))
    kept.save(MAP, MAP + 9)
    return kept


def _arrays():
    return np.full(SHAPE, 255, np.uint8), np.zeros(SHAPE, np.uint8)


@pytest.mark.parametrize("name", ["prediction.zarr", "confidence.zarr"])
@pytest.mark.parametrize(
    "content", [b"null", b"[]", b"", b"{", b'{"zarr_format": 3, "node_type": "group"}', b"\xff\xfe", b"[" * 100_000]
)
def test_a_damaged_zarr_json_is_set_aside(tmp_path, name, content):
    _kept(tmp_path)
    (tmp_path / name / "zarr.json").write_bytes(content)
    notes = []
    classes, confidence = _arrays()
    assert not load_prediction(tmp_path, classes, confidence, notes=notes, mend=True)
    assert len(notes) == 1
    assert name in notes[0]
    assert (classes == 255).all()
    assert not confidence.any()
    assert (tmp_path / name.replace(".", "-set-aside.")).is_dir()
    assert _kept(tmp_path).notes == []
    assert load_prediction(tmp_path, classes, confidence)
    assert (classes == MAP).all()


@pytest.mark.parametrize("name", ["prediction.zarr", "confidence.zarr"])
def test_a_damaged_chunk_is_set_aside(tmp_path, name):
    _kept(tmp_path)
    (tmp_path / name / "c/0/0").write_bytes(b"\0" * 40)
    notes = []
    classes, confidence = _arrays()
    assert not load_prediction(tmp_path, classes, confidence, notes=notes, mend=True)
    assert (classes == 255).all()
    assert name.replace(".", "-set-aside.") in notes[0]


@pytest.mark.parametrize(("shape", "dtype"), [((10, 10), "uint8"), (SHAPE, "int16")])
def test_another_size_or_type_is_made_anew(tmp_path, shape, dtype):
    zarr.create_array(tmp_path / "prediction.zarr", shape=shape, dtype=dtype)
    kept = _kept(tmp_path)
    assert "prediction.zarr" in kept.notes[0]
    assert (zarr.open_array(tmp_path / "prediction.zarr", mode="r")[:] == MAP).all()


def test_reading_alone_moves_nothing(tmp_path):
    _kept(tmp_path)
    (tmp_path / "prediction.zarr/zarr.json").write_bytes(b"null")
    notes = []
    assert not load_prediction(tmp_path, *_arrays(), notes=notes)
    assert len(notes) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["confidence.zarr", "prediction.zarr"]


# ---------------------------------------------------------------------------------------------- saving


def test_a_save_that_fails_is_tied_to_its_request_and_the_map_is_told(work):
    weights = work.folder / "field.tif" / "weights"  # below a file: no folder can be made there
    session, sent = opened(replace(work, message=replace(work.message, weights=str(weights))), protocol.Train())
    assert session.snapshot().weights == weights
    while session.snapshot().step < 3:
        session.work()
    sent.clear()
    session.handle(protocol.Save())
    assert [type(m) for m in sent] == [protocol.Problem]
    assert sent[0].about == "Save"
    session.handle(protocol.PredictAll())
    while not any(isinstance(m, protocol.Saved) for m in sent):
        session.work()
    assert sent[-1].complete
    assert sent[-1].checkpoint == ""
    assert next(m for m in sent if isinstance(m, protocol.Problem) and m.about == "PredictAll")
    assert not weights.exists()
    assert len(SCHEME) == 3
