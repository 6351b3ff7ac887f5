from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.config import ConfigError, FitConfig, LabelConfig
from trainer.fit.patches import Patches, PatchSet, batches, choose_labels, dataset_normalisation, resize, shrink_labels


def some_patches(count: int = 3, side: int = 64, size: int = 32) -> Patches:
    rng = np.random.default_rng(0)
    truth = np.kron(rng.integers(-1, 4, (count, side // 16, side // 16)), np.ones((1, 16, 16))).astype(np.int8)
    images = torch.from_numpy(rng.integers(0, 255, (count, 3, size, size), dtype=np.uint8))
    return Patches(images, torch.from_numpy(truth), tuple(f"s_{i}" for i in range(count)), 4)


@given(st.integers(0, 1000), st.integers(2, 24), st.integers(2, 24), st.integers(1, 24))
def test_shrinking_loses_no_label_and_takes_the_most_frequent(seed: int, height: int, width: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random((2, height, width)) < 0.3, rng.integers(0, 4, (2, height, width)), -1).astype(np.int8)
    result = shrink_labels(torch.from_numpy(labels), size)
    assert result.dtype == torch.int8
    assert result.shape == (2, size, size)
    if size > min(height, width):
        assert torch.equal(result, resize(torch.from_numpy(labels), size, labels=True))
        return
    votes = np.zeros((2, size, size, 4), int)
    for n, r, c in np.argwhere(labels >= 0):
        votes[n, r * size // height, c * size // width, labels[n, r, c]] += 1
    expected = np.where(votes.sum(-1) > 0, votes.argmax(-1), -1)
    np.testing.assert_array_equal(result.numpy(), expected)


def test_labels_move_with_their_pixels() -> None:
    """A labelled square stays where the image shows it, however both are shrunk."""
    image = torch.zeros(1, 1, 64, 64)
    image[..., 16:32, 40:56] = 200
    labels = torch.where(image[:, 0] > 0, 1, 0).to(torch.int8)
    shrunk = resize(image, 32, labels=False)[:, 0]
    for small in (shrink_labels(labels, 32), resize(labels, 32, labels=True)):
        assert torch.equal(small, (shrunk > 100).to(torch.int8))


def test_labelled_patches() -> None:
    patches = some_patches()
    whole, counts = patches.labelled(None, 0)
    assert counts == [int((patches.truth == c).sum()) for c in range(4)]
    assert sum(counts) == patches.known()
    assert torch.equal(whole.labels, resize(patches.truth, 32, labels=True))
    config = LabelConfig(fraction=0.05)
    nearest, drawn = patches.labelled(config, 7)
    kept, same = patches.labelled(config, 7, keep=True)
    assert drawn == same
    assert sum(drawn) == sum(round(0.05 * int((t >= 0).sum())) for t in patches.truth)
    assert int((kept.labels >= 0).sum()) > 2.5 * int((nearest.labels >= 0).sum())
    assert kept.images is patches.images
    other, _ = patches.labelled(config, 8, keep=True)
    assert not torch.equal(other.labels, kept.labels)


@pytest.mark.parametrize(
    "config",
    [LabelConfig(fraction=0.1), LabelConfig(kind="clicks"), LabelConfig(kind="scribbles"), LabelConfig(fraction=1.0)],
)
def test_a_patch_has_the_same_labels_each_time(config: LabelConfig) -> None:
    truth = some_patches().truth.numpy()
    first, again = (choose_labels(truth[1], config, 42, 1, 4) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not (first[truth[1] < 0] >= 0).any()
    # as in the report, the seed is that of the run plus the patch's index
    np.testing.assert_array_equal(first, choose_labels(truth[1], config, 43, 0, 4))


def test_batches_come_in_order_and_tell_how_long_they_took() -> None:
    patches = PatchSet(torch.arange(5).view(5, 1, 1, 1), torch.arange(5).view(5, 1, 1).to(torch.int8), tuple("abcde"))
    waited: list[float] = []
    groups = [np.array([3, 1]), np.array([0]), np.array([4, 2])]
    found = [
        (images.flatten().tolist(), labels.flatten().tolist())
        for images, labels in batches(patches, groups, waited.append)
    ]
    assert found == [([3, 1], [3, 1]), ([0], [0]), ([4, 2], [4, 2])]
    assert len(waited) == 3
    assert min(waited) >= 0
    assert list(batches(patches, [])) == []


def test_settings_of_labels_are_checked() -> None:
    for changes in ({"fraction": 1.1}, {"clicks": 0}, {"scribbles": -1}, {"radius": -1.0}):
        with pytest.raises(ConfigError, match=next(iter(changes))):
            replace(LabelConfig(), **changes)
    assert [LabelConfig(kind=k).amount for k in ("random", "clicks", "scribbles")] == [0.1, 5, 1]


def test_pixels_without_data_do_not_count_in_the_normalisation() -> None:
    images = torch.randn(3, 2, 16, 16) * torch.tensor([3.0, 5.0])[:, None, None] + 7
    images[0, :, :4] = math.nan
    labels = torch.zeros(3, 16, 16, dtype=torch.int8)
    found = dataset_normalisation(FitConfig(input_size=16), PatchSet(images, labels, tuple("abc")))
    known = images.movedim(1, 0).flatten(1)
    known = known[:, known[0].isfinite()].double()
    assert found.mean == pytest.approx(known.mean(1).tolist())
    assert found.std == pytest.approx(known.std(1, correction=0).tolist())
