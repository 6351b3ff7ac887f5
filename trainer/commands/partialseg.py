"""`partialseg COMMAND ...`: one way in to all commands.

Neither torch nor the viewer is imported here: a command's module is imported by its name when it is called.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annotations.export.provenance import tool_version
from trainer.command_line import called_as
from trainer.commands.completion import SHELLS, completion_script

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["COMMANDS", "Command", "help_text", "main"]

_PRINT_COMPLETION: Final = "--print-completion"


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    Parameters
    ----------
    name : str
        As it is typed.
    module : str
        What has its `main(arguments) -> int`.
    help : str
        What it does, in a line.
    words : tuple of str
        Commands that it has of its own.
    viewer : bool
        Whether it needs napari and Qt.
    """

    name: str
    module: str
    help: str
    words: tuple[str, ...] = ()
    viewer: bool = False

    def load(self) -> Callable[[Sequence[str]], int]:
        """Import the module and return its `main`."""
        found: Callable[[Sequence[str]], int] = importlib.import_module(self.module).main
        return found


COMMANDS: Final = (
    Command("demo", "napari_partialseg.demo", "open the viewer on the sample orthophoto", viewer=True),
    Command("open", "napari_partialseg.__main__", "open the viewer on an image or a project", viewer=True),
    Command("train", "trainer.commands.train", "train a project's network and make its map"),
    Command("predict", "trainer.predict.command", "make a map of an image with a checkpoint"),
    Command("export", "trainer.commands.export", "write a project's map and labels for a GIS"),
    Command("random-mask", "trainer.commands.random_mask", "keep a random share of a truth's labels"),
    Command("benchmark", "trainer.benchmark.command", "train and compare networks on sparse labels", ("report",)),
    Command(
        "landcover-ai",
        "trainer.landcover_ai.command",
        "fetch, check or cut the data set LandCover.ai",
        ("fetch", "check", "cut"),
    ),
    Command("starter", "trainer.starter.command", "make weights that training starts from"),
    Command("info", "trainer.commands.info", "tell what a project, image, mask or network is"),
)
"""All of them, in the order in which the help lists them."""


def help_text() -> str:
    """Return what `partialseg --help` prints."""
    width = max(len(command.name) for command in COMMANDS)
    return "\n".join(
        (
            "usage: partialseg COMMAND ...",
            "",
            "Draw on an orthophoto and watch a network learn the map; or work without the",
            "viewer.",
            "",
            "commands:",
            *(f"  {command.name:<{width}}  {command.help}" for command in COMMANDS),
            "",
            "options:",
            "  -h, --help     show this; after a command, its own help",
            "  --version      show the version",
            f"  {_PRINT_COMPLETION} {{{','.join(SHELLS)}}}",
            '                 print what completes the commands: eval "$(partialseg',
            f'                 {_PRINT_COMPLETION} bash)"',
        )
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status.

    Whatever follows the name of a command is that command's affair.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    first = given[0] if given else ""
    if not given or first in ("-h", "--help", "help"):
        print(help_text(), file=sys.stdout if given else sys.stderr)
        return 0 if given else 2
    if first == "--version":
        print(f"partialseg {tool_version()}")
        return 0
    if first.partition("=")[0] == _PRINT_COMPLETION:
        return _print_completion([*first.split("=")[1:], *given[1:]])
    command = next((command for command in COMMANDS if command.name == first), None)
    if command is None:
        return _unknown(first)
    return _run(command, given[1:])


def _unknown(name: str) -> int:
    names = [command.name for command in COMMANDS]
    close = difflib.get_close_matches(name.replace("_", "-"), names, n=1)
    hint = f"Did you mean {close[0]}?" if close else f"There are {', '.join(names)}; partialseg --help says more."
    print(f"error: there is no command {name!r}. {hint}", file=sys.stderr)
    return 2


def _run(command: Command, arguments: Sequence[str]) -> int:
    try:
        with called_as(f"partialseg {command.name}"):
            return command.load()(list(arguments))
    except ImportError as error:
        if not command.viewer or not _is_the_viewers(error):
            raise
        print(
            f"error: {command.name} needs the viewer, which is not installed ({error}). "
            "pip install 'napari-partialseg[napari,qt]' brings it.",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:  # while modules were imported; the commands have a word of their own
        print("\nStopped.", file=sys.stderr)
        return 130


def _is_the_viewers(error: ImportError) -> bool:
    """Whether what is missing is napari or Qt, and not a part of this tool."""
    lacks_binding = type(error).__name__ == "QtBindingsNotFoundError"
    return lacks_binding or (error.name or "").partition(".")[0] in ("napari", "qtpy", "superqt", "napari_partialseg")


def _print_completion(shells: Sequence[str]) -> int:
    if len(shells) != 1 or shells[0] not in SHELLS:
        print(f"error: {_PRINT_COMPLETION} takes one of {', '.join(SHELLS)}", file=sys.stderr)
        return 2
    entries = [(command.name, command.help, command.words, command.load) for command in COMMANDS]
    print(completion_script(shells[0], entries), end="")
    return 0
