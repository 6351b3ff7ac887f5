"""A flag for each setting of a configuration, of which any may be left out: what a command line gives is a table.

The fields of the configuration are the one list of settings: a field that is added there is a flag, with its comment as
help, of every command that takes the configuration.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import textwrap
import typing
from typing import TYPE_CHECKING, Annotated, Any, Final, TypedDict

import tyro

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["flags_of"]

_table: Final[Any] = TypedDict  # made of fields that only the running program knows


def flags_of(
    kind: type,
    *,
    without: Collection[str] = (),
    called: Mapping[str, Mapping[str, Any]] | None = None,
    default: str,
    within: str = "",
) -> Any:
    """Return a type from which tyro makes a flag for each field of a configuration.

    What it reads is a nested table of the settings that are given, for `trainer.plain.changed`.

    Parameters
    ----------
    kind : type
        A dataclass whose fields have plain types or are such dataclasses themselves.
    without : collection of str
        Fields that get no flag, as "seed" or "model.width".
    called : mapping of str to mapping
        What tyro.conf.arg is to know of a field besides: its name, aliases, or another help.
    default : str
        What stands in for a flag that is left out, as the help says it.
    within : str
        Where the dataclass is, with a dot at the end.
    """
    called = called or {}
    kinds, texts = typing.get_type_hints(kind), _comments(kind)
    fields = {}
    for field in dataclasses.fields(kind):
        name, path = field.name, f"{within}{field.name}"
        if path in without:
            continue
        if dataclasses.is_dataclass(kinds[name]):
            inner = flags_of(kinds[name], without=without, called=called, default=default, within=f"{path}.")
            fields[name] = Annotated[inner, tyro.conf.arg(**called.get(path, {}))]
        else:
            about = {"help": texts.get(name, ""), "help_behavior_hint": f"(default: {default})", **called.get(path, {})}
            fields[name] = Annotated[kinds[name], tyro.conf.arg(**about)]
    return _table(kind.__name__, fields, total=False)


def _comments(kind: type) -> dict[str, str]:
    """Return the strings that follow the fields of a dataclass in its source; none where there is no source."""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    except OSError:
        return {}
    statements = body.body if isinstance(body, ast.ClassDef) else []
    return {
        before.target.id: " ".join(after.value.value.split())
        for before, after in itertools.pairwise(statements)
        if isinstance(before, ast.AnnAssign)
        and isinstance(before.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and isinstance(after.value.value, str)
    }
