"""`python -m napari_partialseg [IMAGE or PROJECT]`: napari with the Partial Seg widget docked."""

from __future__ import annotations

import argparse
import sys

from trainer.command_line import program_name

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Open the viewer; return the exit code."""
    parser = argparse.ArgumentParser(prog=program_name("python -m napari_partialseg"), description=__doc__)
    parser.add_argument("path", nargs="?", help="an orthophoto, or a project folder (.partialseg)")
    parser.add_argument("--project", help="the project folder for the orthophoto; by default the one beside it")
    parser.add_argument("--truth", help="a truth mask, for random labels and the score")
    options = parser.parse_args(arguments)

    import napari

    from napari_partialseg.launch import open_scene

    scene = open_scene(options.path, project=options.project, truth=options.truth)
    napari.run()
    scene.widget.shut_down()
    return 0


if __name__ == "__main__":
    sys.exit(main())
