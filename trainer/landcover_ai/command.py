"""Behind ``python -m trainer.landcover_ai``: LandCover.ai fetched, checked, and cut into files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # tyro reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any, Final

import tyro

from trainer.command_line import exit_status, program_name
from trainer.landcover_ai.check import check_patches
from trainer.landcover_ai.cut import ImageFormat, cut_orthophotos
from trainer.landcover_ai.fetch import ARCHIVE, MD5, URL, fetch
from trainer.parsing import parsed

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Check", "Cut", "Fetch", "main"]

_DESCRIPTION: Final = "Fetch, cut or check LandCover.ai, a data set of labelled orthophotos."


@dataclass(frozen=True)
class Fetch:
    """Download and unpack LandCover.ai (about 1.5 GB, CC BY-NC-SA 4.0: not for commercial use).

    Goes on from where an earlier run was stopped.
    """

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """Where the data set goes; made when missing."""
    url: str = URL
    """The archive, or a copy of it on another server."""
    md5: str = MD5
    """Its checksum."""

    def run(self) -> None:
        """Fetch it and say what is there."""
        check = fetch(self.folder, url=self.url, md5=self.md5)
        print("\n".join(check.lines()))

    def stopped(self) -> str:
        """Return what to say after Ctrl+C."""
        return f"What was downloaded stays in {self.folder / ARCHIVE}.part; the same command goes on from there."


@dataclass(frozen=True)
class Cut:
    """Cut the orthophotos into the 512-px patches that other programs expect: STEM_K.jpg and STEM_K_m.png.

    Training here needs none of them. Patches that are there already are kept.
    """

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """The data set, with images/*.tif and masks/*.tif."""
    output: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="(optional)")] = None
    """Where the patches go, with copies of the lists; by default to output in the data set's folder."""
    format: ImageFormat = "jpeg"
    """jpeg with quality 95, as the data set's own script writes it; png without any loss, about four times as large."""
    overwrite: bool = False
    """Write patches again that are there."""

    def run(self) -> None:
        """Cut them, say how many, and what is wrong with the lists."""
        result = cut_orthophotos(self.folder, self.output, image_format=self.format, overwrite=self.overwrite)
        print(f"{result.output}: {result.written} patches written, {result.kept} were there already")
        check = check_patches(self.folder)
        print("\n".join(check.lines()))
        check.require()

    def stopped(self) -> str:
        """Return what to say after Ctrl+C."""
        return "The patches written so far stay; the same command goes on from there."


@dataclass(frozen=True)
class Check:
    """Compare the lists of a data set with the patches there are, in orthophotos or cut out."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """The data set, or the folder of its patches."""

    def run(self) -> None:
        """Say what was found."""
        check = check_patches(self.folder)
        print("\n".join(check.lines()))
        check.require()

    def stopped(self) -> str:
        """Return what to say after Ctrl+C."""
        return "Nothing was changed."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    commands: Any = Fetch | Cut | Check  # which mypy does not take for a type
    asked: list[Any] = []

    def run() -> None:
        program = program_name("python -m trainer.landcover_ai")
        command = parsed(commands, arguments, program, description=_DESCRIPTION, pairs=True)
        asked.append(command)
        command.run()

    return exit_status(run, lambda: f"Stopped. {asked[0].stopped()}" if asked else "Stopped.")
