"""Messages survive the way through a line of JSON, and strange lines are reported, not fatal."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.region import Region
from trainer import protocol
from trainer.config import WorkConfig, to_plain

regions = st.builds(Region, st.integers(0, 9999), st.integers(0, 9999), st.integers(0, 999), st.integers(0, 999))
messages = st.one_of(
    st.builds(protocol.LabelsChanged, st.lists(regions, max_size=4).map(tuple), st.integers(0, 2**40)),
    st.builds(protocol.ViewChanged, regions),
    st.builds(protocol.Status, st.sampled_from(get_args(protocol.State)), st.text()),
    st.builds(protocol.Problem, st.text(), st.booleans(), st.text()),
    st.builds(
        protocol.Progress,
        st.integers(0, 10**9),
        st.none() | st.floats(0, 100),
        st.floats(0, 1e4),
        st.lists(st.integers(0, 10**9), max_size=6).map(tuple),
        st.integers(0, 10**9),
    ),
    st.builds(
        protocol.Tiles,
        st.lists(st.builds(protocol.Tile, regions, st.integers(0, 9), st.integers(0, 9)), max_size=3).map(tuple),
    ),
)


@given(messages)
def test_a_message_comes_back_as_it_went(message):
    line = protocol.encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert protocol.decode(line) == message


def test_the_configuration_travels_with_open():
    config = to_plain(WorkConfig())
    message = protocol.Open(
        "i.tif", "l.zarr", "p", "c", "k", "w", [{"name": "a", "colour": "#000000"}], config, (1, 2, 3)
    )
    assert protocol.decode(protocol.encode(message)) == message


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello", "not JSON"),
        (b"[1, 2]", "no message"),
        (b'{"v": 1, "type": "Dance"}', "'Dance'"),
        (b'{"v": 1, "type": "LabelsChanged", "regions": 3, "revision": 1}', "LabelsChanged.regions"),
        (b'{"v": 1, "type": "LabelsChanged", "revision": 1}', "regions"),
        (b'{"v": 1, "type": "ViewChanged", "region": {"top": "x", "left": 0, "height": 1, "width": 1}}', "region.top"),
        (b'{"v": 1, "type": "Status", "state": "dancing", "text": ""}', "'dancing' is not one of starting, waiting"),
        (b'{"v": 2, "type": "Status", "state": "training", "text": ""}', "it is of protocol 2, and this is protocol 1"),
        (b'{"v": [], "type": "Train"}', "it is of protocol []"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_a_strange_line_is_reported(line, reason):
    message = protocol.decode(line)
    assert isinstance(message, protocol.Unknown)
    assert reason in message.reason


def test_fields_of_a_newer_version_are_passed_over():
    content = json.loads(protocol.encode(protocol.Status("training", "training")))
    content["mood"] = "good"
    assert protocol.decode(json.dumps(content)) == protocol.Status("training", "training")


def test_who_speaks_another_version_can_still_say_so():
    line = json.dumps({"v": 7, "type": "Hello", "pid": 1, "protocol": 7, "mood": "good"})
    assert protocol.decode(line) == protocol.Hello(1, protocol=7)
    assert isinstance(protocol.decode('{"v": 7, "type": "Shutdown"}'), protocol.Unknown)
