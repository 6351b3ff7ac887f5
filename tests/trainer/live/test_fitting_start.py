"""A checkpoint as a start: bands and classes by their names, refused where it would see nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import rasterio
import torch
from live_helpers import CONFIG, SCHEME, make_work

from annotations.images.orthophoto import open_orthophoto
from trainer.checkpoint import Checkpoint
from trainer.imagery import Imagery
from trainer.live.fitting_start import fit_start
from trainer.live.start import NOTHING, begin_from, load_start
from trainer.models import build_model
from trainer.normalisation import Normalisation

OWN = Normalisation((100.0,) * 3, (70.0,) * 3)
FIRST = "encoder.0.0.weight"


@pytest.fixture
def ortho(tmp_path):
    path = make_work(tmp_path).message.image
    with rasterio.open(path, "r+") as file:
        file.descriptions = ("red", "green", "blue")
    opened = open_orthophoto(path)
    yield opened
    opened.close()


def learnt(names):
    torch.manual_seed(5)
    state = build_model(CONFIG.model, 3, len(SCHEME)).state_dict()
    return Checkpoint(CONFIG.model, 3, SCHEME, OWN, state, imagery=Imagery("uint8", names))


def test_bands_are_taken_by_their_names_and_the_checkpoint_stays_as_it_was(ortho):
    start = learnt(("blue", "green", "red"))
    before = start.state_dict[FIRST].clone()
    fitted = fit_start(start, ortho, OWN, "other.pth")
    assert torch.equal(fitted.checkpoint.state_dict[FIRST], before.flip(1))
    assert torch.equal(start.state_dict[FIRST], before)
    assert "by their names" in fitted.notes[0]
    assert not fitted.refused


@pytest.mark.parametrize(("scale", "words"), [(1e-3, "times larger"), (4000.0, "times smaller")])
def test_values_of_quite_another_size_are_refused_by_name(ortho, scale, words):
    start = learnt(())
    state = dict(start.state_dict)
    name = next(name for name in state if name.endswith("running_var"))
    state[name] = state[name] * scale**2
    fitted = fit_start(replace(start, state_dict=state), ortho, OWN, "raw.pth")
    assert all(word in fitted.refused for word in (words, "raw.pth", str(ortho.path)))
    assert fitted.notes == ()


def test_classes_are_matched_by_name_whatever_their_order_and_case():
    start = learnt(())
    model = build_model(CONFIG.model, 3, 3)
    fresh = model.state_dict()["head.weight"].clone()
    begin_from(model, start, ("Lake", "town", "field"))
    head, known = model.state_dict()["head.weight"], start.state_dict["head.weight"]
    assert torch.equal(head[0], known[2]) and torch.equal(head[2], known[0]) and torch.equal(head[1], fresh[1])


def test_nothing_is_no_checkpoint():
    assert load_start(NOTHING) is None
