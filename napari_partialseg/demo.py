"""The main job from end to end: `python -m napari_partialseg.demo [--image FILE] [--truth FILE] [--play]`.

Opens napari with the widget on the sample orthophoto, or another. With `--play` nobody needs to be there: strokes
are drawn through the Labels layer, the worker trains, tiles stream in, the labels are saved and opened again, and
scores, screenshots and the project are left in a folder.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtTest import QTest

from annotations.classes import LANDCOVER_AI
from annotations.errors import PartialSegError
from annotations.images.orthophoto import open_orthophoto
from annotations.scores import class_iou, mean_iou
from annotations.simulation.sampling import paint_stroke, simulate_strokes
from annotations.store.mask import read_mask
from trainer.command_line import program_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_partialseg.launch import Scene

__all__ = ["main", "play"]

_LONGEST = 86_400


@dataclass(frozen=True)
class DemoConfig:
    """What to play."""

    image: Path
    truth: NDArray[np.int8]
    has_truth: bool
    output: Path
    strokes: int = 6
    seed: int = 0
    moments: tuple[float, ...] = (10.0, 30.0, 60.0)
    model: str = "unet"
    width: int = 16


@dataclass
class DemoResult:
    """What came of it."""

    scores: dict[float, float] = field(default_factory=dict)
    steps: dict[float, int] = field(default_factory=dict)
    class_iou: list[float] = field(default_factory=list)
    labelled: int = 0
    first_prediction_seconds: float | None = None
    labels_kept: bool = False
    prediction_kept: bool = False
    problems: list[str] = field(default_factory=list)


def wait_until(condition: Callable[[], Any], seconds: float, what: str) -> None:
    """Let the viewer run until a condition holds.

    Raises
    ------
    PartialSegError
        It did not within the time.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise PartialSegError(f"waited {seconds:.0f} s in vain for {what}")
        QTest.qWait(20)


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


def draw_strokes(scene: Scene, config: DemoConfig) -> int:
    """Draw the simulated strokes through the Labels layer, one after the other; return the labelled pixels."""
    session = scene.widget.session
    assert session is not None  # the caller waited for it
    layer = session.layers.labels
    for stroke in simulate_strokes(config.truth, config.strokes, seed=config.seed, n_classes=len(session.scheme)):
        scene.widget.classes.select(stroke.label)
        canvas = np.array(layer.data)
        region = paint_stroke(canvas, config.truth, stroke)
        rows, columns = np.nonzero(canvas[region.slices] != layer.data[region.slices])
        if len(rows):
            indices = (rows + region.top, columns + region.left)
            layer.data_setitem(indices, canvas[indices])
        QTest.qWait(15)
    return int(session.counts().sum())


def play(scene: Scene, config: DemoConfig, say: Callable[[str], None] = print) -> DemoResult:
    """Draw, train, watch and score; leave screenshots in the output folder."""
    result = DemoResult()
    widget = scene.widget
    wait_until(lambda: widget.session, 120, "the orthophoto to open")
    session = widget.session
    assert session is not None
    session.problem.connect(result.problems.append)
    session.worker_died.connect(result.problems.append)
    if config.has_truth:
        session.set_truth(config.truth)
        widget.masks.show_truth("given")
    result.labelled = draw_strokes(scene, config)
    share = result.labelled / config.truth.size
    say(f"drew {config.strokes} strokes per class: {result.labelled:,} pixels labelled ({share:.2%})")
    wait_until(lambda: session.prepared.store.flush(0.0), 30, "the labels to be saved")
    steps: list[int] = []
    session.progress.connect(lambda m: steps.append(m.step))
    started = time.monotonic()
    widget.train()
    n = len(session.scheme)
    prediction = session.prepared.prediction
    for moment in config.moments:
        while time.monotonic() - started < moment:
            QTest.qWait(20)
            if result.first_prediction_seconds is None and session.tiles.newest_step:
                result.first_prediction_seconds = time.monotonic() - started
        shown = np.array(prediction)
        result.steps[moment] = steps[-1] if steps else 0
        line = f"{moment:5.0f} s after Train: step {result.steps[moment]:5d}"
        if config.has_truth:
            result.scores[moment] = mean_iou(shown, config.truth, n)
            result.class_iou = [float(v) for v in class_iou(shown, config.truth, n)]
            line += f", mIoU {result.scores[moment]:.3f}"
        say(line)
        scene.viewer.screenshot(str(config.output / f"after_{moment:.0f}_s.png"), canvas_only=False, flash=False)
    widget.learn.pause.emit()
    return result


def reopen(scene: Scene, config: DemoConfig, result: DemoResult) -> None:
    """Close the project, open it again and see whether everything is there."""
    widget = scene.widget
    session = widget.session
    assert session is not None
    saved: list[Any] = []
    session.saved.connect(saved.append)
    wait_until(lambda: saved, 60, "the network to be saved")
    labels, prediction = np.array(session.prepared.labels), np.array(session.prepared.prediction)
    folder = session.prepared.project.folder
    widget.open_path(folder)
    wait_until(lambda: widget.session is not None, 60, "the project to open again")
    assert widget.session is not None
    again = widget.session.prepared
    result.labels_kept = bool(np.array_equal(labels, again.labels))
    kept = np.asarray(again.prediction)
    result.prediction_kept = bool((kept == prediction).mean() > 0.99)
    QTest.qWait(500)
    scene.viewer.screenshot(str(config.output / "reopened.png"), canvas_only=False, flash=False)


def _play_all(config: DemoConfig) -> int:
    from napari_partialseg.launch import open_scene

    scene = open_scene(config.image, project=config.output / f"{config.image.stem}.partialseg")
    try:
        result = play(scene, config)
        reopen(scene, config, result)
    finally:
        scene.widget.shut_down()
        scene.viewer.close()
    (config.output / "scores.json").write_text(
        json.dumps(
            {
                "image": config.image.name,
                "strokes_per_class": config.strokes,
                "seed": config.seed,
                "labelled_pixels": result.labelled,
                "first_prediction_seconds": result.first_prediction_seconds,
                "miou": {f"{k:.0f} s": v for k, v in result.scores.items()},
                "steps": {f"{k:.0f} s": v for k, v in result.steps.items()},
                "class_iou": dict(zip(LANDCOVER_AI.names, result.class_iou, strict=False)),
            },
            indent=1,
        )
    )
    first = result.first_prediction_seconds
    print(f"first prediction in view after {first:.1f} s" if first else "no prediction came")
    if result.class_iou:
        print("IoU:", ", ".join(f"{n} {v:.2f}" for n, v in zip(LANDCOVER_AI.names, result.class_iou, strict=False)))
    print(f"labels saved and read back: {'the same' if result.labels_kept else 'DIFFERENT'}")
    print(f"prediction saved and read back: {'the same' if result.prediction_kept else 'DIFFERENT'}")
    for problem in result.problems:
        print(f"told in the viewer: {problem}")
    print(f"project, screenshots and scores: {config.output}")
    return 0 if result.labels_kept and first else 1


def _configure(options: argparse.Namespace) -> DemoConfig:
    output = Path(options.output) / time.strftime("%Y%m%d-%H%M%S")
    output.mkdir(parents=True, exist_ok=True)
    if options.image is None:
        from annotations.sample import sample_paths

        print("preparing the sample orthophoto", flush=True)
        options.image, options.truth = sample_paths()
    image = Path(options.image)
    if options.truth is None:
        truth = tones(image, seed=options.seed)
        print("no truth given: strokes are drawn along the image's tones, and there is no score")
    else:
        ortho = open_orthophoto(image)
        truth = read_mask(
            options.truth, n_classes=len(LANDCOVER_AI), shape=ortho.shape, georeference=ortho.georeference
        )
        ortho.close()
    moments = (*tuple(m for m in (10.0, 30.0, 60.0) if m < options.seconds), float(options.seconds))
    return DemoConfig(image, truth, options.truth is not None, output, options.strokes, options.seed, moments)


def _seconds(text: str) -> float:
    """Read a time: argparse says what is wrong with it and ends with status 2."""
    with suppress(ValueError):
        if 0 < (value := float(text)) <= _LONGEST:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is no time: give seconds above 0 and up to {_LONGEST:,}")


def _whole(low: int, high: int, what: str) -> Callable[[str], int]:
    """Return what reads a whole number within bounds, in the way of `_seconds`."""

    def read(text: str) -> int:
        with suppress(ValueError):
            if low <= (value := int(text)) <= high:
                return value
        raise argparse.ArgumentTypeError(f"{text!r} is no {what}: give a whole number from {low:,} to {high:,}")

    return read


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(prog=program_name("python -m napari_partialseg.demo"), description=__doc__)
    parser.add_argument("--image", help="an orthophoto; by default the generated sample")
    parser.add_argument("--truth", help="its truth mask: class indices, 255 where unknown")
    parser.add_argument("--play", action="store_true", help="draw, train and score without anybody there")
    parser.add_argument("--seconds", type=_seconds, default=60.0, help="of training (with --play)")
    parser.add_argument(
        "--strokes", type=_whole(1, 10_000, "number of strokes"), default=6, help="per class (with --play)"
    )
    parser.add_argument("--seed", type=_whole(0, 2**32 - 1, "seed"), default=0, help="of the strokes (with --play)")
    parser.add_argument("--output", default="demo", help="folder for everything that is written")
    options = parser.parse_args(arguments)
    try:
        if options.play:
            return _play_all(_configure(options))
        if options.image is None:
            from annotations.sample import sample_paths

            options.image, options.truth = sample_paths()
    except PartialSegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    from napari_partialseg.__main__ import main as open_viewer

    folder = Path(options.output) / f"{Path(options.image).stem}.partialseg"
    folder.parent.mkdir(parents=True, exist_ok=True)
    truth = ["--truth", str(options.truth)] if options.truth else []
    return open_viewer([str(options.image), "--project", str(folder), *truth])


if __name__ == "__main__":
    sys.exit(main())
