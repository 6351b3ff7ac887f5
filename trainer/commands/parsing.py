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


def parsed(kind: type[_Settings], arguments: Sequence[str] | None, program: str) -> _Settings:
    """Return a command's settings; its help, and a complaint about an argument, end the program.

    Parameters
    ----------
    kind : type
        A frozen dataclass; its docstring is the description.
    arguments : sequence of str, optional
        By default those of the program.
    program : str
        What the help calls it, as "partialseg train".
    """
    first, *others = (inspect.getdoc(kind) or "").split("\n\n")
    # Indented, since tyro joins lines that begin with a letter, and sets what it breaks apart far apart.
    indented = (textwrap.fill(text, _WIDTH, initial_indent="  ", subsequent_indent="  ") for text in others)
    description = "\n".join((textwrap.fill(first, _WIDTH, subsequent_indent=" "), *indented))
    return tyro.cli(
        kind,
        args=arguments,
        prog=program,
        description=description,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
