"""A flag for each setting: the configuration's fields are the one list of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

import pytest
import tyro

from trainer.benchmark import command as benchmark
from trainer.benchmark.grid import VARIED
from trainer.config import ConfigError, FitConfig
from trainer.flags import flags_of
from trainer.plain import changed


@dataclass(frozen=True)
class Wheel:
    """A part."""

    size: int = 26
    """Its size, which is
    told over two lines."""
    kind: Literal["road", "mud"] = "road"
    spokes: tuple[float, ...] = ()
    """Their lengths."""


@dataclass(frozen=True)
class Bicycle:
    """The whole."""

    bell: bool = True
    """Whether it rings."""
    price: float = 100.0
    wheel: Wheel = field(default_factory=Wheel)


def read(*arguments: str, **more: Any) -> dict[str, Any]:
    flags = flags_of(Bicycle, default="the shop's", **more)
    table: dict[str, Any] = tyro.cli(flags, args=arguments)
    return table


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), {"wheel": {}}),
        (("--no-bell",), {"bell": False, "wheel": {}}),
        (("--price", "7", "--wheel.kind", "mud"), {"price": 7.0, "wheel": {"kind": "mud"}}),
        (("--wheel.spokes", "1", "2.5"), {"wheel": {"spokes": (1.0, 2.5)}}),
    ],
)
def test_what_is_given_is_read_and_nothing_else(arguments: tuple[str, ...], expected: dict[str, Any]) -> None:
    assert read(*arguments) == expected


def test_the_help_is_the_comment_of_the_field(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read("--help")
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "Its size, which is told over two lines. (default: the shop's)" in said
    assert "--wheel.kind {road,mud}" in said


def test_a_flag_can_be_left_out_or_called_otherwise() -> None:
    called = {"wheel.size": {"aliases": ["--inches"]}, "price": {"name": "cost"}}
    assert read("--inches", "28", "--cost", "5", called=called) == {"price": 5.0, "wheel": {"size": 28}}
    with pytest.raises(SystemExit):
        read("--wheel.size", "28", without=["wheel.size"])


def test_a_configuration_is_changed_in_what_is_given_alone() -> None:
    old = Bicycle(price=3.0, wheel=Wheel(28, "mud", (1.0,)))
    assert changed(old, {}) == changed(old, {"wheel": {}}) == old
    assert changed(old, {"wheel": {"size": 20}}) == Bicycle(price=3.0, wheel=Wheel(20, "mud", (1.0,)))
    assert changed(old, {"bell": False, "wheel": {"spokes": ()}}) == Bicycle(False, 3.0, Wheel(28, "mud"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": 3}, "Bicycle has no setting weight; it has bell, price, wheel"),
        ({"wheel": {"colour": 3}}, r"Bicycle\.wheel has no setting colour; it has size"),
        ({"wheel": {"size": "x"}}, r"Bicycle\.wheel\.size: expected int"),
        ({"wheel": 3}, r"Bicycle\.wheel: expected a table"),
    ],
)
def test_a_change_that_cannot_be_made_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        changed(Bicycle(), changes)


def settings_of(config: Any, within: str = "") -> list[str]:
    found = []
    for one in fields(config):
        value, path = getattr(config, one.name), f"{within}{one.name}"
        found += settings_of(value, f"{path}.") if is_dataclass(value) else [path]
    return found


def test_the_grid_has_a_flag_for_every_setting_that_it_does_not_vary(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        benchmark.main(["--help"])
    said = capsys.readouterr().out
    for path in settings_of(FitConfig()):
        flag = "--steps-per-epoch" if path == "min_steps" else "--" + path.removeprefix("device.").replace("_", "-")
        if path != "seed":  # which is another name for the seeds
            assert bool(re.search(rf"{re.escape(flag)}[ ,\n]", said)) == (path not in VARIED), path
