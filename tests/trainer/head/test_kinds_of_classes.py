"""What the head makes of classes of many kinds, on made images: what a person may rely on."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from test_head_learner import draw, fit, learner_of, shown

from annotations.classes import ClassScheme, LandClass
from annotations.region import Region


def scheme_of(n):
    return ClassScheme(tuple(LandClass(f"kind {i}", f"#{10 + i:02x}{200 - 9 * i:02x}40") for i in range(n)))


def halves(shape=(320, 448)):
    truth = np.zeros(shape, np.int64)
    truth[:, shape[1] // 2 :] = 1
    return truth


def strokes_in_halves(learner, labels, width, number=3):
    for label in (0, 1):
        for k in range(number):
            draw(learner, labels, Region(40 + 90 * k, label * width // 2 + 50, 10, 70), label)


def learnt(pixels, draw_them, classes=2):
    learner, labels, image = learner_of(pixels, scheme=scheme_of(classes))
    draw_them(learner, labels)
    fit(learner)
    return shown(learner, image)[0], learner, labels, image


def test_classes_that_only_texture_tells_apart():
    rng = np.random.default_rng(0)
    truth = halves()
    fine = rng.normal(size=(*truth.shape, 1))
    coarse = ndimage.gaussian_filter(rng.normal(size=(*truth.shape, 1)), (4, 4, 0))
    texture = np.where(truth[..., None] == 0, fine / fine.std(), coarse / coarse.std())
    pixels = np.clip(128 + 30 * texture.repeat(3, axis=2), 0, 255).astype(np.uint8)
    found, *_ = learnt(pixels, lambda a, b: strokes_in_halves(a, b, truth.shape[1]))
    assert (found == truth).mean() > 0.9


def test_classes_that_only_colour_tells_apart():
    rng = np.random.default_rng(1)
    truth = halves()
    pixels = rng.integers(80, 110, (*truth.shape, 3))
    pixels[truth == 0, 0] += 12  # as bright, a little redder
    pixels[truth == 1, 2] += 12
    found, *_ = learnt(pixels.astype(np.uint8), lambda a, b: strokes_in_halves(a, b, truth.shape[1]))
    assert (found == truth).mean() > 0.9


def test_classes_that_only_shape_tells_apart():
    rng = np.random.default_rng(2)
    truth = halves()
    pixels = np.full(truth.shape, 90.0)
    pixels[:, :224][::16] = 200  # thin lines on one side, dots of as much light on the other
    pixels[:, :224][1::16] = 200
    for row in range(0, 320, 16):
        for column in range(224, 448, 16):
            pixels[row : row + 5, column : column + 6] = 200
    pixels = pixels[..., None].repeat(3, axis=2) + rng.normal(0, 4, (*truth.shape, 3))
    found, *_ = learnt(pixels.clip(0, 255).astype(np.uint8), lambda a, b: strokes_in_halves(a, b, truth.shape[1]))
    assert (found == truth).mean() > 0.9


def patches(classes, seed=3, side=64, columns=7):
    """Return an image of squares, each of one colour, and which it is."""
    rng = np.random.default_rng(seed)
    rows = -(-classes // columns) * 2
    kinds = np.resize(np.arange(classes), rows * columns).reshape(rows, columns)
    truth = kinds.repeat(side, axis=0).repeat(side, axis=1)
    colours = np.stack(np.meshgrid(*[np.array([40, 120, 200])] * 3), axis=-1).reshape(-1, 3)
    colours = colours[rng.permutation(len(colours))[:classes]]
    pixels = colours[truth] + rng.normal(0, 8, (*truth.shape, 3))
    return pixels.clip(0, 255).astype(np.uint8), truth


def test_twenty_classes_with_one_stroke_each():
    pixels, truth = patches(20)

    def draw_them(learner, labels):
        for label in range(20):
            row, column = np.argwhere(truth == label)[0]
            draw(learner, labels, Region(int(row) + 24, int(column) + 8, 8, 46), label)

    found, *_ = learnt(pixels, draw_them, 20)
    assert (found == truth).mean() > 0.85


def test_a_class_that_comes_late_takes_its_own_and_leaves_the_rest():
    pixels, truth = patches(4)

    def draw_them(learner, labels):
        for label in range(3):
            for row, column in np.argwhere(truth == label)[:: 64 * 64][:3]:
                draw(learner, labels, Region(int(row) + 24, int(column) + 8, 8, 46), label)

    before, learner, labels, image = learnt(pixels, draw_them, 4)
    assert not (before == 3).any()
    row, column = np.argwhere(truth == 3)[0]
    draw(learner, labels, Region(int(row) + 24, int(column) + 8, 8, 46), 3)
    fit(learner)
    after = shown(learner, image)[0]
    assert (after == 3)[truth == 3].mean() > 0.85
    right = (before == truth) & (truth != 3)
    assert (after == truth)[right].mean() > 0.95


def test_strokes_that_contradict_each_other_spoil_no_other_class():
    pixels, truth = patches(3)

    def draw_them(learner, labels):
        for label in range(3):
            for row, column in np.argwhere(truth == label)[:: 64 * 64][:3]:
                draw(learner, labels, Region(int(row) + 24, int(column) + 8, 8, 46), label)

    before, learner, labels, image = learnt(pixels, draw_them, 3)
    row, column = np.argwhere(truth == 0)[0]
    draw(learner, labels, Region(int(row) + 44, int(column) + 8, 8, 46), 1)  # the ground of 0, called 1
    fit(learner)
    after = shown(learner, image)[0]
    assert (after == truth)[(truth == 2) & (before == truth)].mean() > 0.95


def test_one_stroke_does_not_drown_among_many():
    pixels, truth = patches(3)

    def draw_them(learner, labels):
        for label, number in ((0, 5), (1, 5), (2, 1)):
            for row, column in np.argwhere(truth == label)[:: 64 * 64][:number]:
                draw(learner, labels, Region(int(row) + 8, int(column) + 8, 40, 46), label)

    found, *_ = learnt(pixels, draw_them, 3)
    assert (found == 2)[truth == 2].mean() > 0.75


def test_a_wrong_stroke_in_a_corner_leaves_the_rest_as_it_was():
    pixels, truth = patches(4)

    def draw_them(learner, labels):
        for label in range(4):
            for row, column in np.argwhere(truth == label)[:: 64 * 64][:3]:
                draw(learner, labels, Region(int(row) + 24, int(column) + 8, 8, 46), label)

    before, learner, labels, image = learnt(pixels, draw_them, 4)
    draw(learner, labels, Region(2, 2, 6, 20), (truth[0, 0] + 1) % 4)
    fit(learner)
    after = shown(learner, image)[0]
    right = before == truth
    right[:64, :64] = False
    assert (after == truth)[right].mean() > 0.97
