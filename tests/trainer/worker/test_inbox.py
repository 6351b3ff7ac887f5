"""What comes from the viewer: in any order, in any amount, and of any kind."""

from __future__ import annotations

import json
import math
import random

import pytest
from live_helpers import CONFIG, make_work

from annotations.errors import PartialSegError
from annotations.region import Region
from trainer import protocol
from trainer.config import (
    AugmentConfig,
    ConfigError,
    DeviceConfig,
    FitConfig,
    LabelConfig,
    LiveConfig,
    ModelConfig,
    OptimConfig,
    PredictConfig,
    WorkConfig,
    from_plain,
    to_plain,
)
from trainer.worker.inbox import in_order
from trainer.worker.session import LiveSession

CHANGES = [protocol.LabelsChanged((Region(n % 7, 0, 5, 5),), n) for n in range(1, 1000)]


def test_a_flood_of_labels_is_one_message_and_a_save_goes_before_it():
    order = in_order([*CHANGES[:500], protocol.Save(), *CHANGES[500:], protocol.Pause()])
    assert [type(m) for m in order] == [protocol.Save, protocol.Pause, protocol.LabelsChanged]
    assert order[-1].revision == 999
    assert set(order[-1].regions) == {Region(n, 0, 5, 5) for n in range(7)}


def test_labels_do_not_pass_what_gives_them_their_meaning():
    classes = protocol.SetClasses([])
    order = in_order([CHANGES[0], classes, CHANGES[1], protocol.Train()])
    assert order == [CHANGES[0], classes, protocol.Train(), CHANGES[1]]


def test_of_views_the_last_counts():
    views = [protocol.ViewChanged(Region(0, 0, n, n)) for n in range(1, 5)]
    assert in_order(views) == [views[-1]]


NESTED = {"type": "LabelsChanged", "revision": 1, "regions": [{"top": 0, "left": 0, "height": -1, "width": 5}]}


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"9" * 5000,
        b'{"type":[]}',
        b'{"type":{"a":1}}',
        b"null",
        b"\0\0",
        json.dumps(NESTED).encode(),
        b'{"type":"LabelsChanged","regions":[1],"revision":1}',
        b'{"type":"LabelsChanged","regions":' + json.dumps([1] * 5000).encode() + b',"revision":1}',
        b'{"type":"ViewChanged","region":{"top":0,"left":0,"height":1,"width":1},"pixels_per_dot":1'
        + b"0" * 400
        + b"}",
        b'{"type":"Open","config":3}',
    ],
)
def test_a_line_of_any_kind_becomes_a_message(line):
    assert isinstance(protocol.decode(line), protocol.Unknown)


def test_a_million_regions_become_one():
    region = '{"top":3,"left":4,"height":5,"width":6}'
    line = '{"type":"LabelsChanged","revision":2,"regions":[' + ",".join([region] * 100_000) + "]}"
    assert protocol.decode(line) == protocol.LabelsChanged((Region(3, 4, 5, 6),), 2)


BAD = [float("nan"), float("inf"), -float("inf"), -1e-9, -1, 10**30, 1e300, "7", None, [1], True]
KINDS = [
    *(AugmentConfig, DeviceConfig, FitConfig, LabelConfig, LiveConfig),
    *(ModelConfig, OptimConfig, PredictConfig),
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_number_out_of_range_gets_in(kind):
    plain = to_plain(kind())
    numbers = [name for name, value in plain.items() if isinstance(value, int | float) and not isinstance(value, bool)]
    assert numbers
    for name in numbers:
        for bad in BAD:
            with pytest.raises(ConfigError, match=name):
                from_plain(kind, {**plain, name: bad})
        for bad in (float("nan"), float("inf"), -1, 1e300):
            with pytest.raises(ConfigError, match=f"{kind.__name__}.{name} must be .* from .* to"):
                kind(**{name: bad})


def test_the_named_ones_are_refused():
    for kind, values in (
        (LiveConfig, {"crop": 3_200_000}),
        (LiveConfig, {"lr": math.nan}),
        (LiveConfig, {"crop": 4096, "batch_size": 1024}),
        (LiveConfig, {"start": ""}),
        (ModelConfig, {"width": 1_000_000}),
        (DeviceConfig, {"threads": 1_000_000_000}),
        (FitConfig, {"class_weights": (1.0, math.nan)}),
    ):
        with pytest.raises(ConfigError):
            kind(**values)


def _mutated(value, chance):
    """Return a plain value with something in it changed."""
    strange = [None, True, -1, 0, 10**30, 1e300, math.nan, "", "x\0y", [], {}, [[]], {"a": 1}, "unet", -0.5]
    if chance.random() < 0.12:
        return chance.choice(strange)
    if isinstance(value, dict):
        result = {key: _mutated(part, chance) for key, part in value.items()}
        if result and chance.random() < 0.1:
            result.pop(chance.choice(list(result)))
        if chance.random() < 0.1:
            result["unknown"] = chance.choice(strange)
        return result
    if isinstance(value, list):
        return [_mutated(part, chance) for part in value] * chance.choice([1, 1, 1, 0, 3])
    return value


def test_no_message_ends_the_worker(tmp_path):
    work = make_work(tmp_path)
    for label in range(3):
        work.draw((20, 60), (100 * label + 20, 100 * label + 60), label)
    chance = random.Random(3)
    sent = []
    session = LiveSession(sent.append)
    session.handle(work.message)
    good = [
        protocol.LabelsChanged((Region(20, 20, 40, 40), Region(500, 500, 9, 9)), 3),
        protocol.ViewChanged(Region(0, 0, 50, 50), 2.0),
        protocol.SetClasses(work.message.classes),
        protocol.SetClasses(work.message.classes[:1]),
        protocol.StartAfresh(to_plain(WorkConfig())),
        work.message,
    ]
    refused = 0
    for n in range(240):
        plain = {"type": type(good[n % 6]).__name__, **to_plain(good[n % 6])}
        if plain["type"] == "Open":  # a path is a path: what lies there is another matter
            plain["config"] = _mutated(plain["config"], chance)
            plain["classes"] = _mutated(plain["classes"], chance)
        else:
            plain = {name: part if name == "type" else _mutated(part, chance) for name, part in plain.items()}
        message = protocol.decode(json.dumps(plain))
        try:
            session.handle(message)
        except PartialSegError as error:
            assert str(error)
            refused += 1
    assert refused > 40
    sent.clear()
    session.handle(
        protocol.Open(
            **{
                **{n: getattr(work.message, n) for n in ("image", "labels", "prediction")},
                "confidence": work.message.confidence,
                "keep": work.message.keep,
                "weights": str(tmp_path / "new"),
                "classes": work.message.classes,
                "config": to_plain(CONFIG),
            }
        )
    )
    assert any(isinstance(m, protocol.Opened) for m in sent)
    session.handle(protocol.Train())
    while session.snapshot().step < 2:
        session.work()
