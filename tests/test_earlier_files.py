"""What version 0.1.0 wrote opens, and goes on: `data/earlier-0.1.0.zip`, made by that version's own code.

It holds a small orthophoto with its project (strokes, points, a random mask, an import, a renamed class, some 150 steps
of training), the arrays that its viewer held when it was closed, a training run that was cut off after its fourth step,
and the files of a finished cell of the grid without its weights.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from fit_helpers import fitted, square_patches, to_the_end

from annotations.classes import ClassScheme, LandClass
from annotations.prediction.shared_array import SharedArray
from annotations.region import Region
from trainer import protocol
from trainer.benchmark.report.write import collect, write_report
from trainer.checkpoint import load_checkpoint
from trainer.config import AugmentConfig, DeviceConfig, FitConfig, ModelConfig, OptimConfig, WorkConfig, from_plain
from trainer.fit.events import Started
from trainer.fit.loop import fit
from trainer.fit.resume import BEST, LAST
from trainer.opened.open_image import open_image
from trainer.worker.session import LiveSession

ARCHIVE = Path(__file__).parent / "data" / "earlier-0.1.0.zip"
STEPS = 153
RUN = FitConfig(
    model=ModelConfig(width=4, levels=2),
    optim=OptimConfig(name="muon", lr=0.05, ema=0.9),
    augment=AugmentConfig(warp=0.3, noise=0.1),
    device=DeviceConfig(device="cpu", precision="float32", threads=1),
    epochs=3,
    batch_size=4,
    input_size=16,
)


@pytest.fixture
def earlier(tmp_path):
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_a_project_opens_as_it_was_left(earlier):
    expected = np.load(earlier / "expected.npz")
    opened = open_image(earlier / "field.partialseg")
    try:
        assert not opened.read_only
        assert opened.note == ""
        assert [(c.name, c.colour) for c in opened.project.scheme] == [
            ("field", "#aa8800"),
            ("wood", "#00aa00"),
            ("lake & pond", "#0000cc"),
        ]
        np.testing.assert_array_equal(opened.labels, expected["labels"])
        np.testing.assert_array_equal(opened.strokes, expected["strokes"])
        np.testing.assert_array_equal(opened.prediction, expected["prediction"])
        assert opened.has_prediction
        assert len(opened.points) == 2
        assert opened.store.next_number() > expected["strokes"].max()
        assert from_plain(WorkConfig, opened.project.config).live.crop == 32
    finally:
        opened.close()


def test_its_network_goes_on_learning(earlier):
    opened = open_image(earlier / "field.partialseg")
    entry, project = opened.entry, opened.project
    sent = []
    session = LiveSession(sent.append)
    try:
        session.handle(
            protocol.Open(
                image=str(entry.locate()),
                labels=str(entry.folder / "labels.zarr"),
                prediction=str(entry.cache / "prediction.u8"),
                confidence=str(entry.cache / "confidence.u8"),
                keep=str(entry.folder),
                weights=str(project.weights),
                classes=project.scheme.to_json(),
                config=project.config,
            )
        )
        assert [m.step for m in sent if isinstance(m, protocol.Opened)] == [STEPS]
        session.handle(protocol.ViewChanged(Region(0, 0, *opened.ortho.shape)))
        session.handle(protocol.Train())
        for _ in range(100):
            session.work()
            if any(isinstance(m, protocol.Progress) and m.step > STEPS for m in sent):
                break
        session.handle(protocol.Shutdown())
        assert not [m.text for m in sent if isinstance(m, protocol.Problem)]
        assert load_checkpoint(project.weights / BEST).step > STEPS
    finally:
        opened.close()
        for name in ("prediction.u8", "confidence.u8"):
            SharedArray.release(entry.cache / name)


def test_a_run_that_was_cut_off_goes_on_where_it_was(earlier, tmp_path):
    scheme = ClassScheme((LandClass("dark", "#000000"), LandClass("red", "#ff0000"), LandClass("blue", "#0000ff")))
    sets = square_patches(14, 0), square_patches(4, 1, 1.0)
    _, events = to_the_end(fit(*sets, RUN, scheme, earlier / "run"))
    assert events[0] == Started(4)
    fitted(fit(*sets, RUN, scheme, tmp_path / "whole"))
    whole, cut = (load_checkpoint(folder / LAST) for folder in (tmp_path / "whole", earlier / "run"))
    assert whole.step == cut.step
    for name, tensor in whole.state_dict.items():  # another processor rounds otherwise
        torch.testing.assert_close(cut.state_dict[name], tensor, rtol=1e-3, atol=1e-3)


def test_a_finished_cell_of_the_grid_is_reported(earlier):
    (earlier / "runs").mkdir()
    (earlier / "cell").rename(earlier / "runs" / "unet_frac10_w4")
    (cell,) = collect(earlier / "runs")
    assert (cell.name, cell.model, cell.width) == ("unet_frac10_w4", "unet", 4)
    content = json.loads(write_report(earlier / "runs", [cell], {}).json.read_text(encoding="utf-8"))
    assert content["cells"][0]["best_miou"] == cell.best_miou
