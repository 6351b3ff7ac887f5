"""Scripts that complete `partialseg` in a shell: its commands, and the options of each."""

from __future__ import annotations

import contextlib
import io
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["SHELLS", "completion_script", "options_of"]

SHELLS: Final = ("bash", "zsh")
"""The shells that there are scripts for."""

_OPTION: Final = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)*(?![\w-])")


def options_of(load: Callable[[], Callable[[Sequence[str]], int]], words: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the options that a command's help tells of, and those of its own commands; none where it has no help.

    Parameters
    ----------
    load : callable
        Returns the command's `main`.
    words : sequence of str
        The command's own commands.
    """
    said = io.StringIO()
    for before in ((), *((word,) for word in words)):
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit, ImportError):
            load()([*before, "--help"])
    return tuple(sorted(set(_OPTION.findall(said.getvalue()))))


def completion_script(
    shell: str, commands: Iterable[tuple[str, str, Sequence[str], Callable[[], Callable[[Sequence[str]], int]]]]
) -> str:
    """Return a script for a shell of `SHELLS`.

    Parameters
    ----------
    shell : str
        Its name.
    commands : iterable of (name, help, words, load)
        What each is called and does, its own commands, and what returns its `main`. All are imported, so that the
        script itself has nothing to ask: it answers at once.
    """
    known = [(name, text, tuple(words), options_of(load, words)) for name, text, words, load in commands]
    return _bash(known) if shell == "bash" else _zsh(known)


def _bash(commands: Sequence[tuple[str, str, tuple[str, ...], tuple[str, ...]]]) -> str:
    cases = "\n".join(
        f'        {name}) words="{" ".join(words)}"; options="{" ".join(options)}" ;;'
        for name, _, words, options in commands
    )
    names = " ".join(name for name, *_ in commands)
    return f"""# bash completion of partialseg
_partialseg() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" words="" options=""
    case "${{COMP_WORDS[1]}}" in
{cases}
    esac
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{names} --help --version --print-completion"
    elif [[ "$current" == -* ]]; then
        words="$options"
    elif [ "$COMP_CWORD" -ne 2 ]; then
        words=""
    fi
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _partialseg partialseg
"""


def _zsh(commands: Sequence[tuple[str, str, tuple[str, ...], tuple[str, ...]]]) -> str:
    listed = "\n".join(f"        '{name}:{text}'" for name, text, *_ in commands)
    cases = "\n".join(
        f"        {name}) words_of=({' '.join(words)}); options=({' '.join(options)}) ;;"
        for name, _, words, options in commands
    )
    return f"""#compdef partialseg
_partialseg() {{
    local -a commands words_of options
    commands=(
{listed}
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    case "$words[2]" in
{cases}
    esac
    if [[ "$PREFIX" == -* ]]; then
        compadd -- $options
    elif (( CURRENT == 3 && $#words_of )); then
        compadd -- $words_of
        _files
    else
        _files
    fi
}}
if [ "$funcstack[1]" = "_partialseg" ]; then
    _partialseg "$@"
else
    compdef _partialseg partialseg
fi
"""
