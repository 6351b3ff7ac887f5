"""Reads a command's arguments with tyro, its help wrapped to 80 columns."""

from __future__ import annotations

import inspect
import textwrap
from typing import TYPE_CHECKING, TypeVar

import tyro

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["parsed"]

_Settings = TypeVar("_Settings")
_WIDTH = 80


def parsed(
    kind: type[_Settings],
    arguments: Sequence[str] | None,
    program: str,
    *,
    description: str | None = None,
    pairs: bool = False,
) -> _Settings:
    """Return a command's settings; its help, and a complaint about an argument, end the program.

    Parameters
    ----------
    kind : type
        A frozen dataclass, or a union of them, one for each word that may follow the command.
    arguments : sequence of str, optional
        By default those of the program.
    program : str
        What the help calls it, as "partialseg train".
    description : str, optional
        What the help says first; by default the docstring of `kind`.
    pairs : bool
        Whether each switch has one that turns it off, as --no-list, besides.
    """
    return tyro.cli(
        kind,
        args=arguments,
        prog=program,
        description=_wrapped(inspect.getdoc(kind) or "") if description is None else description,
        config=() if pairs else (tyro.conf.FlagCreatePairsOff,),
    )


def _wrapped(text: str) -> str:
    first, *others = text.split("\n\n")
    # Indented, since tyro joins lines that begin with a letter, and sets what it breaks apart far apart.
    indented = (textwrap.fill(other, _WIDTH, initial_indent="  ", subsequent_indent="  ") for other in others)
    return "\n".join((textwrap.fill(first, _WIDTH, subsequent_indent=" "), *indented))
