"""The head learner alone: windows, labels, checkpoint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from annotations.classes import ClassScheme, LandClass
from annotations.region import Region
from trainer.backbone_weights import load_backbone
from trainer.checkpoint import load_checkpoint, save_checkpoint
from trainer.config import DeviceConfig, HeadConfig, WorkConfig
from trainer.head.features import FeatureSource
from trainer.head.learner import HeadLearner
from trainer.live.label_index import LabelIndex
from trainer.live.pixels import BlockCache, Pyramid
from trainer.normalisation import Normalisation
from trainer.precision import choose_precision
from trainer.predict.blocks import BlockPredictor, predict_blocks
from trainer.predict.folded import folded

SCHEME = ClassScheme((LandClass("a", "#aa8800"), LandClass("b", "#00aa00"), LandClass("c", "#0000aa")))
PRECISION = choose_precision(DeviceConfig("cpu", "float32"), threads_default=1)


class Picture:
    """An orthophoto in memory."""

    def __init__(self, pixels):
        self._pixels = pixels

    @property
    def shape(self):
        return self._pixels.shape[:2]

    @property
    def bands(self):
        return self._pixels.shape[2]

    def read(self, region):
        return self._pixels[region.slices]

    def read_valid(self, region):
        return np.ones(region.shape, bool)


def stripes(shape=(300, 420), bands=3, dtype=np.uint8, seed=1):
    """Return pixels and truth: three stripes of other brightness."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(3), -(-shape[1] // 3))[None, : shape[1]].repeat(shape[0], axis=0)
    pixels = rng.integers(0, 40, (*shape, bands)) + 60 * truth[..., None]
    return pixels.astype(dtype), truth


def learner_of(pixels, config=None, scheme=SCHEME, colours=(0, 1, 2), precision=PRECISION):
    image = BlockCache(Picture(pixels))
    coarse = Pyramid(image)
    labels = LabelIndex(image.shape, len(scheme))
    flat = pixels.reshape(-1, pixels.shape[2]).astype(float)
    normalisation = Normalisation(tuple(np.nanmean(flat, 0)), tuple(np.nanstd(flat, 0) + 1e-3))
    learner = HeadLearner(
        load_backbone(),
        lambda level: image if level == 0 else coarse.at(level),
        labels,
        scheme,
        WorkConfig() if config is None else config,
        normalisation,
        precision,
        colours,
    )
    return learner, labels, image


def source_of(pixels, megabytes=400):
    image = BlockCache(Picture(pixels))
    normalisation = Normalisation((70.0,) * 3, (40.0,) * 3)
    backbone = folded(load_backbone(), PRECISION)
    return FeatureSource(backbone, lambda level: image, normalisation, PRECISION, (0, 1, 2), megabytes), image


def draw(learner, labels, region, label):
    labels.update(region, np.full(region.shape, label, np.int8))
    learner.labels_arrived(region.height * region.width)


def three_strokes(learner, labels, width):
    for label in range(3):
        draw(learner, labels, Region(40 + 60 * label, label * width // 3 + 30, 12, 60), label)


def nine_strokes(learner, labels, width):
    for label in range(3):
        for row in (40, 130, 220):
            draw(learner, labels, Region(row + 15 * label, label * width // 3 + 30, 12, 60), label)


def fit(learner):
    for _ in range(60):
        if learner.steps_since_labels:
            return
        learner.step(lambda: False)
    raise AssertionError("it never ends")


def shown(learner, image, level=0, source=None):
    while learner.prepare(level):
        pass
    return learner.snapshot().region(level, source or image, Region.whole((source or image).shape))


def test_a_few_strokes_make_a_map_in_one_fit():
    pixels, truth = stripes()
    learner, labels, image = learner_of(pixels)
    assert not learner.ready
    three_strokes(learner, labels, 420)
    assert learner.ready
    fit(learner)
    assert learner.step_count == 1
    classes, confidence = shown(learner, image)
    assert (classes == truth).mean() > 0.9
    assert classes.dtype == confidence.dtype == np.uint8


def test_the_same_labels_give_the_same_map_whatever_came_before():
    pixels, _ = stripes()
    learner, labels, image = learner_of(pixels)
    three_strokes(learner, labels, 420)
    fit(learner)
    before = shown(learner, image)
    draw(learner, labels, Region(200, 20, 20, 40), 2)  # wrong
    fit(learner)
    spoilt = shown(learner, image)[0]
    assert (spoilt != before[0]).any()
    labels.update(Region(200, 20, 20, 40), np.full((20, 40), -1, np.int8))
    learner.labels_arrived(800)
    fit(learner)
    again = shown(learner, image)
    assert (again[0] == before[0]).all()
    assert (again[1] == before[1]).all()


def test_a_map_of_before_is_not_changed_by_new_labels():
    pixels, _ = stripes()
    learner, labels, image = learner_of(pixels)
    three_strokes(learner, labels, 420)
    fit(learner)
    old = learner.snapshot()
    before = old.region(0, image, Region.whole(image.shape))[0]
    draw(learner, labels, Region(200, 20, 30, 90), 2)
    assert not learner.snapshot().can(0)
    fit(learner)
    assert (old.region(0, image, Region.whole(image.shape))[0] == before).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_its_checkpoint_predicts_what_it_shows_to_the_pixel(tmp_path, dtype):
    precision = replace(PRECISION, dtype=dtype)
    pixels, _ = stripes((560, 700))  # more than a window
    learner, labels, image = learner_of(pixels, precision=precision)
    three_strokes(learner, labels, 700)
    fit(learner)
    classes, confidence = shown(learner, image)
    save_checkpoint(tmp_path / "head.pth", learner.checkpoint())
    checkpoint = load_checkpoint(tmp_path / "head.pth")
    assert checkpoint.model.name == "hypercolumn"
    assert checkpoint.scheme == SCHEME
    predictor = BlockPredictor(checkpoint.build(), checkpoint.normalisation, precision)
    for region, found, sure in predict_blocks(predictor, image.read, image.shape, block=256):
        assert (found == classes[region.slices]).all()
        assert np.abs(sure.astype(int) - confidence[region.slices]).max() <= 1


def test_a_part_of_the_map_does_not_depend_on_what_else_is_asked_for():
    pixels, _ = stripes((560, 700))
    learner, labels, image = learner_of(pixels)
    three_strokes(learner, labels, 700)
    fit(learner)
    whole = shown(learner, image)[0]
    part = Region(480, 300, 60, 260)  # over the corner of four windows
    assert (learner.snapshot().region(0, image, part)[0] == whole[part.slices]).all()


def test_it_predicts_the_halved_image_with_a_head_of_its_own():
    pixels, truth = stripes((600, 840))
    learner, labels, image = learner_of(pixels)
    three_strokes(learner, labels, 840)
    learner.look_at(1, Region.whole(image.shape))
    fit(learner)
    predictor = learner.snapshot()
    assert predictor.can(1)
    assert not predictor.can(0)
    coarse = Pyramid(image).at(1)
    classes, _ = shown(learner, image, 1, coarse)
    assert (classes == truth[::2, ::2]).mean() > 0.9
    while learner.prepare(0):
        pass
    assert predictor.can(0)  # what was begun can go on at full resolution


@pytest.mark.parametrize(
    ("bands", "dtype", "colours"), [(1, np.uint8, (0, 0, 0)), (2, np.uint16, (0, 0, 0)), (6, np.float32, (2, 1, 0))]
)
def test_any_number_and_type_of_bands(bands, dtype, colours):
    pixels, truth = stripes(bands=bands, dtype=dtype)
    if dtype == np.float32:
        pixels = pixels / 300
        pixels[:5, :5] = np.nan
    learner, labels, image = learner_of(pixels, colours=colours)
    three_strokes(learner, labels, 420)
    fit(learner)
    classes, _ = shown(learner, image)
    assert (classes == truth)[8:, 8:].mean() > 0.9


def test_a_band_beyond_the_colours_tells_what_they_cannot():
    rng = np.random.default_rng(5)
    truth = np.repeat(np.arange(3), 140)[None].repeat(300, axis=0)
    pixels = rng.integers(60, 100, (300, 420, 8)).astype(np.uint8)
    pixels[..., 7] += (30 * truth).astype(np.uint8)
    with_it, labels, image = learner_of(pixels)
    nine_strokes(with_it, labels, 420)
    fit(with_it)
    assert (shown(with_it, image)[0] == truth).mean() > 0.9
    without, labels, image = learner_of(pixels[..., :7].copy())
    nine_strokes(without, labels, 420)
    fit(without)
    assert (shown(without, image)[0] == truth).mean() < 0.85  # where a stripe lies, a backbone sees even in noise


def test_a_rare_class_among_the_labels_is_found_where_it_is_common():
    """Eight times as many labels of one class do not make it eight times as common."""
    pixels, truth = stripes()
    learner, labels, image = learner_of(pixels)
    draw(learner, labels, Region(20, 20, 80, 80), 0)
    draw(learner, labels, Region(40, 170, 20, 40), 1)
    draw(learner, labels, Region(40, 320, 20, 40), 2)
    fit(learner)
    classes, _ = shown(learner, image)
    assert all((classes == truth)[truth == label].mean() > 0.8 for label in range(3))


def test_labels_of_one_class_and_none_are_waited_for():
    pixels, _ = stripes()
    learner, labels, _ = learner_of(pixels)
    draw(learner, labels, Region(20, 20, 30, 30), 0)
    assert not learner.ready
    assert not learner.step(lambda: False)
    assert learner.step_count == 0


def test_another_scheme_keeps_what_labels_say():
    pixels, truth = stripes()
    learner, labels, image = learner_of(pixels)
    three_strokes(learner, labels, 420)
    fit(learner)
    more = ClassScheme((*SCHEME.classes, LandClass("d", "#ffffff")))
    relabelled = LabelIndex(image.shape, 4)
    relabelled.update(Region.whole(image.shape), labels.read(Region.whole(image.shape)))
    learner.set_scheme(more, relabelled)
    assert learner.steps_since_labels == 0
    fit(learner)
    assert (shown(learner, image)[0] == truth).mean() > 0.9


def test_memory_for_features_is_bounded_and_what_is_in_view_stays():
    pixels, _ = stripes((1100, 1600))
    source, image = source_of(pixels, 32)
    windows = [Region(512 * r, 512 * c, 512, 512).clipped(image.shape) for r in range(3) for c in range(4)]
    source.look_at(0, Region(600, 600, 100, 100))
    for window in windows:
        source.window(0, window)
    kept = [window for window in windows if source.known(0, window)]
    assert windows[5] in kept
    assert sum(source.window(0, window).nbytes for window in kept) <= 32e6
    assert len(kept) < len(windows)
    source.look_at(0, Region(1030, 1540, 10, 10))
    while source.warm():
        pass
    assert source.known(0, windows[11])


def test_features_do_not_depend_on_what_is_kept():
    pixels, _ = stripes((560, 600))
    learner, labels, image = learner_of(pixels, replace(WorkConfig(), head=HeadConfig(megabytes=16)))
    ample, other, _ = learner_of(pixels)
    for each, index in ((learner, labels), (ample, other)):
        three_strokes(each, index, 600)
        fit(each)
    assert (shown(learner, image)[0] == shown(ample, image)[0]).all()


def test_half_precision_shows_nearly_the_same():
    pixels, _ = stripes()
    maps = []
    for dtype in (torch.float32, torch.bfloat16):
        learner, labels, image = learner_of(pixels, precision=replace(PRECISION, dtype=dtype))
        three_strokes(learner, labels, 420)
        fit(learner)
        maps.append(shown(learner, image)[0])
    assert (maps[0] == maps[1]).mean() > 0.98


def test_windows_begun_beforehand_are_those_that_are_asked_for():
    pixels, _ = stripes((560, 1100))
    plain, image = source_of(pixels)
    hasty, _ = source_of(pixels)
    windows = [Region(0, 512 * c, 512, 512).clipped(image.shape) for c in range(3)]
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for window in windows:
            hasty.ahead(0, window)
        with hasty.sharing():
            found = [hasty.window(0, window) for window in windows]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    for window, maps in zip(windows, found, strict=True):
        for one, other in zip(maps.maps, plain.window(0, window).maps, strict=True):
            assert torch.allclose(one.values.float(), other.values.float(), atol=1e-2)


def test_what_is_common_in_an_image_does_not_depend_on_the_cores():
    pixels, _ = stripes((1000, 1100))
    one, _ = source_of(pixels)
    two, _ = source_of(pixels)
    alone = one.sample(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        shared = two.sample(0)
    finally:
        torch.set_num_threads(threads)
    assert torch.allclose(alone, shared, atol=2e-2)
    assert torch.equal(alone, one.sample(0))
