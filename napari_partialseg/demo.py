"""`partialseg demo`: opens the viewer on the sample orthophoto, or another; or plays the main job by itself."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro

from annotations.classes import LANDCOVER_AI
from annotations.errors import PartialSegError
from annotations.images.orthophoto import open_orthophoto
from annotations.store.mask import read_mask
from napari_partialseg.playing import Played, Script, play
from trainer.command_line import exit_status, program_name
from trainer.parsing import parsed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Demo", "main", "tones"]

_LONGEST = 86_400
_MOST_STROKES = 10_000
_LARGEST_SEED = 2**32 - 1
_MOMENTS = (10.0, 30.0, 60.0)


@dataclass(frozen=True)
class Demo:
    """Open the viewer on the sample orthophoto with its truth, or on another image.

    With --play nobody needs to be there: strokes are drawn on the Labels layer, the network trains, the map comes in,
    the project is saved and opened again; scores, screenshots and the project stay in the output folder.
    """

    image: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="(default: the sample)")] = None
    """An orthophoto."""
    truth: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="(optional)")] = None
    """Its truth mask: class indices, 255 where unknown."""
    play: bool = False
    """Draw, train and score by itself."""
    seconds: float = 60.0
    """How long to train (with --play)."""
    strokes: int = 6
    """How many strokes to draw per class (with --play)."""
    seed: int = 0
    """Decides which strokes (with --play)."""
    output: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("demo")
    """Where everything is written."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises
        ------
        PartialSegError
            One is out of its range.
        """
        if not 0 < self.seconds <= _LONGEST:
            raise PartialSegError(f"--seconds {self.seconds:g}: give seconds above 0 and up to {_LONGEST:,}.")
        if not 1 <= self.strokes <= _MOST_STROKES:
            raise PartialSegError(f"--strokes {self.strokes}: give a whole number from 1 to {_MOST_STROKES:,}.")
        if not 0 <= self.seed <= _LARGEST_SEED:
            raise PartialSegError(f"--seed {self.seed}: give a whole number from 0 to {_LARGEST_SEED:,}.")


def tones(image: Path, classes: int = 4, seed: int = 0) -> NDArray[np.int8]:
    """Return a stand-in for a truth: the image's tones, smoothed and put into clusters, (H, W) int8."""
    from scipy.cluster.vq import kmeans2
    from scipy.ndimage import gaussian_filter

    ortho = open_orthophoto(image)
    try:
        small, _ = ortho.thumbnail(512)
        shape = ortho.shape
    finally:
        ortho.close()
    smooth = np.stack([gaussian_filter(small[..., b].astype(float), 2) for b in range(small.shape[2])], axis=-1)
    flat = smooth.reshape(-1, smooth.shape[-1])
    _, groups = kmeans2(flat / (flat.std(0) + 1e-6), classes, seed=seed, minit="++")
    grid = groups.reshape(small.shape[:2]).astype(np.int8)
    rows = np.minimum(np.arange(shape[0]) * grid.shape[0] // shape[0], grid.shape[0] - 1)
    columns = np.minimum(np.arange(shape[1]) * grid.shape[1] // shape[1], grid.shape[1] - 1)
    return grid[rows[:, None], columns[None, :]]


def _images(command: Demo) -> tuple[Path, Path | None]:
    """Return the orthophoto and its truth: those of the sample where no image was given."""
    if command.image is not None:
        return command.image, command.truth
    from annotations.sample import sample_paths

    print("preparing the sample orthophoto", flush=True)
    return sample_paths()


def _script(command: Demo) -> Script:
    """Return what to play, with a fresh folder to play it in."""
    output = command.output / time.strftime("%Y%m%d-%H%M%S")
    output.mkdir(parents=True, exist_ok=True)
    image, given = _images(command)
    if given is None:
        truth = tones(image, seed=command.seed)
        print("no truth was given: strokes are drawn along the image's tones, and there is no score")
    else:
        ortho = open_orthophoto(image)
        try:
            truth = read_mask(given, n_classes=len(LANDCOVER_AI), shape=ortho.shape, georeference=ortho.georeference)
        finally:
            ortho.close()
    moments = (*(moment for moment in _MOMENTS if moment < command.seconds), command.seconds)
    return Script(image, truth, given is not None, output, command.strokes, command.seed, moments)


def _play(script: Script) -> int:
    from napari_partialseg.launch import open_scene

    scene = open_scene(script.image, project=script.output / f"{script.image.stem}.partialseg")
    try:
        played = play(scene, script)
    finally:
        scene.widget.shut_down()
        scene.viewer.close()
    (script.output / "scores.json").write_text(json.dumps(_scores(script, played), indent=1))
    _report(script, played)
    return 0 if played.labels_kept and played.first_prediction_seconds is not None else 2


def _scores(script: Script, played: Played) -> dict[str, object]:
    last = played.moments[-1]
    return {
        "image": script.image.name,
        "strokes_per_class": script.strokes,
        "seed": script.seed,
        "labelled_pixels": played.labelled,
        "first_prediction_seconds": played.first_prediction_seconds,
        "miou": {f"{m.seconds:.0f} s": m.miou for m in played.moments if m.miou is not None},
        "steps": {f"{m.seconds:.0f} s": m.step for m in played.moments},
        "class_iou": dict(zip(LANDCOVER_AI.names, last.ious, strict=False)),
    }


def _report(script: Script, played: Played) -> None:
    first, ious = played.first_prediction_seconds, played.moments[-1].ious
    print("no prediction came" if first is None else f"first prediction in view after {first:.1f} s")
    if ious:
        print("IoU:", ", ".join(f"{n} {v:.2f}" for n, v in zip(LANDCOVER_AI.names, ious, strict=False)))
    print(f"labels saved and read back: {'the same' if played.labels_kept else 'DIFFERENT'}")
    print(f"prediction saved and read back: {'the same' if played.prediction_kept else 'DIFFERENT'}")
    for problem in played.problems:
        print(f"told in the viewer: {problem}")
    print(f"project, screenshots and scores: {script.output}")


def _show(command: Demo) -> int:
    """Open the viewer for somebody who is there."""
    from napari_partialseg.launch import run_viewer

    image, truth = _images(command)
    folder = command.output / f"{image.stem}.partialseg"
    folder.parent.mkdir(parents=True, exist_ok=True)
    run_viewer(image, project=folder, truth=truth)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit status."""

    def run() -> int:
        command = parsed(Demo, arguments, program_name("python -m napari_partialseg.demo"))
        return _play(_script(command)) if command.play else _show(command)

    return exit_status(run, "Stopped; labels drawn until then are saved.")


if __name__ == "__main__":
    sys.exit(main())
