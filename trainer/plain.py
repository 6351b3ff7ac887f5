"""Dataclasses to plain values and back: for JSON, checkpoints and the messages of the worker."""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from annotations.errors import PartialSegError

__all__ = ["ConfigError", "changed", "check_numbers", "from_plain", "to_plain"]

T = TypeVar("T")


class ConfigError(PartialSegError, ValueError):
    """A configuration holds a value that cannot be used."""


def check_numbers(owner: Any, **ranges: tuple[float, float]) -> None:
    """Check numbers of a dataclass: their type, that they are finite, and their range, both ends included.

    Parameters
    ----------
    owner : dataclass
        Its annotations, "int" or "float", say which type each has.
    ranges : tuple of float
        The least and the most, by the field's name.

    Raises
    ------
    ConfigError
        The text names the field, the value and the range.
    """
    kinds = {f.name: f.type for f in dataclasses.fields(owner)}
    for name, (low, high) in ranges.items():
        value = getattr(owner, name)
        whole = kinds[name] in ("int", int)
        number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not low <= value <= high:
            kind = "a whole number" if whole else "a number"
            raise ConfigError(
                f"{type(owner).__name__}.{name} must be {kind} from {low:,} to {high:,}, not {str(value)[:40]}"
            )


@functools.lru_cache(maxsize=128)
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def to_plain(config: Any) -> dict[str, Any]:
    """Return a configuration as plain values (dict, list, str, int, float, bool) for JSON and checkpoints."""

    def plain(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        if isinstance(value, tuple | list):
            return [plain(v) for v in value]
        if isinstance(value, dict):
            return {str(k): plain(v) for k, v in value.items()}
        return value

    result: dict[str, Any] = plain(config)
    return result


def _rebuild(kind: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, dict):
            raise ConfigError(f"{where}: expected a table of settings, found {value!r}")
        return from_plain(kind, value, where=where)
    if origin is tuple:
        arguments = typing.get_args(kind)
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where}: expected a list, found {value!r}")
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_rebuild(arguments[0], v, where) for v in value)
        if len(arguments) != len(value):
            raise ConfigError(f"{where}: expected {len(arguments)} values, found {len(value)}")
        return tuple(_rebuild(a, v, where) for a, v in zip(arguments, value, strict=True))
    if origin in (list, dict) and not isinstance(value, origin):
        raise ConfigError(f"{where}: expected a {'list' if origin is list else 'table'}, found {value!r}")
    if origin is Literal:
        if value not in typing.get_args(kind):
            choices = ", ".join(str(c) for c in typing.get_args(kind))
            raise ConfigError(f"{where}: {value!r} is not one of {choices}")
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in typing.get_args(kind):
            return None
        kinds = [k for k in typing.get_args(kind) if k is not type(None)]
        return _rebuild(kinds[0], value, where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError as error:
            raise ConfigError(f"{where}: {str(value)[:20]}... is too large") from error
    if kind in (int, float, str, bool) and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        raise ConfigError(f"{where}: expected {kind.__name__}, found {value!r}")
    return value


def from_plain(kind: type[T], value: dict[str, Any], *, where: str = "") -> T:
    """Rebuild a dataclass of type `kind` from `to_plain`.

    Fields that are missing take their defaults; fields that are unknown are ignored, so that an older tool opens
    what a newer one wrote as far as it can.

    Raises
    ------
    ConfigError
        A value has the wrong type or is out of range; the message names the field.
    """
    where = where or kind.__name__
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: expected a table of settings, found {str(value)[:200]!r}")
    kinds = _hints(kind)  # type: ignore[arg-type]  # a class is hashable
    known = {
        f.name: _rebuild(kinds[f.name], value[f.name], f"{where}.{f.name}")
        for f in dataclasses.fields(kind)  # type: ignore[arg-type]  # T is a dataclass by contract
        if f.name in value
    }
    try:
        return kind(**known)
    except ConfigError:
        raise
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ConfigError(f"{where}: {error}") from error


def changed(config: T, changes: Mapping[str, Any]) -> T:
    """Return a configuration with some of its settings replaced.

    Parameters
    ----------
    config : dataclass
        Stays as it is.
    changes : mapping
        Nested tables as of `to_plain`, with nothing in them but what is replaced.

    Raises
    ------
    ConfigError
        There is no such setting, or its value has the wrong type or is out of range.
    """
    return from_plain(type(config), _merged(to_plain(config), changes, type(config).__name__))


def _merged(values: dict[str, Any], changes: Mapping[str, Any], where: str) -> dict[str, Any]:
    unknown = [name for name in changes if name not in values]
    if unknown:
        raise ConfigError(f"{where} has no setting {unknown[0]}; it has {', '.join(values)}")
    tables = {
        name: _merged(values[name], change, f"{where}.{name}")
        for name, change in changes.items()
        if isinstance(values[name], dict) and isinstance(change, Mapping)
    }
    return {**values, **changes, **tables}
