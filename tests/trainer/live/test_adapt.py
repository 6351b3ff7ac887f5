"""Weights for other classes and bands."""

from __future__ import annotations

import pytest
import torch

from trainer.config import ModelConfig
from trainer.live.adapt import for_bands, for_classes, load_matching
from trainer.models import build_model

NETWORKS = [
    ModelConfig(width=4, levels=3),
    ModelConfig("unetplusplus", width=4, levels=3),
    ModelConfig("unetplusplus", width=4, levels=3, deep_supervision=True),
]


def network(config, bands, classes, seed=0):
    torch.manual_seed(seed)
    return build_model(config, bands, classes).eval()


def moved(config, known, wanted, *, bands=(3, 3)):
    before, after = network(config, bands[0], len(known)), network(config, bands[1], len(wanted), seed=1)
    own = after.state_dict()
    load_matching(after, for_classes(for_bands(before.state_dict(), own), own, known, wanted))
    return before, after


@pytest.mark.parametrize("config", NETWORKS)
def test_classes_are_found_by_name_wherever_they_are(config):
    before, after = moved(config, ["bare", "Water", "wood"], ["wood", "road", "water"])
    image = torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        then, now = before(image), after(image)
    assert torch.allclose(now[:, 0], then[:, 2], atol=1e-6)
    assert torch.allclose(now[:, 2], then[:, 1], atol=1e-6)
    fresh = [name for name in after.state_dict() if name.startswith("head") and name.endswith("bias")]
    untouched = network(config, 3, 3, seed=1).state_dict()
    assert all(after.state_dict()[name][1] == untouched[name][1] for name in fresh)  # nothing is known of a road


def test_a_further_band_changes_nothing_at_first():
    before, after = moved(NETWORKS[0], ["a", "b"], ["a", "b"], bands=(3, 5))
    image = torch.randn(1, 5, 16, 16)
    with torch.no_grad():
        assert torch.allclose(after(image), before(image[:, :3]), atol=1e-6)


def test_a_grey_image_is_seen_like_the_same_image_in_colour():
    before, after = moved(NETWORKS[0], ["a", "b"], ["a", "b"], bands=(3, 1))
    grey = torch.randn(1, 1, 16, 16)
    with torch.no_grad():
        assert torch.allclose(after(grey), before(grey.expand(1, 3, 16, 16)), atol=1e-5)


def test_two_bands_of_three_share_what_the_third_was_worth():
    before, after = moved(NETWORKS[0], ["a", "b"], ["a", "b"], bands=(3, 2))
    two = torch.randn(1, 2, 16, 16)
    third = two.mean(dim=1, keepdim=True)
    with torch.no_grad():
        assert torch.allclose(after(two), before(torch.cat([two, third], dim=1)), atol=1e-5)


def test_the_weights_given_are_not_changed():
    before = network(NETWORKS[0], 3, 2)
    kept = {name: tensor.clone() for name, tensor in before.state_dict().items()}
    own = network(NETWORKS[0], 4, 3).state_dict()
    for_classes(for_bands(before.state_dict(), own), own, ["a", "b"], ["b", "c", "a"])
    assert all(torch.equal(before.state_dict()[name], tensor) for name, tensor in kept.items())


def test_another_width_starts_fresh_and_says_so():
    narrow, wide = network(NETWORKS[0], 3, 2), network(ModelConfig(width=8, levels=3), 3, 2)
    own = wide.state_dict()
    notes = load_matching(wide, for_bands(narrow.state_dict(), own))
    assert any("in part" in note for note in notes)
