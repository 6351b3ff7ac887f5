"""How good is the map after how much work? `python -m benchmarks.effort --image FILE --truth FILE`.

A simulated annotator draws strokes as a person would (a stroke takes its time) under a policy, and the real worker
learns from them over the real protocol; with `--viewer`, the real viewer is open and the strokes go through its Labels
layer.
True mIoU of the map as it is shown is noted against wall time, strokes and labelled pixels; pixels that have no
prediction yet count as wrong. Afterwards a random forest on scikit-image's multiscale_basic_features is given the same
strokes at the same moments.

    --at-once 6                        six strokes per class before Train is pressed; then watch
    --policy error --strokes 40        strokes one by one, here where the map is wrong
    --full                             every known pixel labelled before Train is pressed: what there is to reach

Leaves effort.csv, effort.json and effort.png in --output. Needs `pip install --group bench`; with `--viewer` a screen
(`xvfb-run -a -s "-screen 0 1600x1000x24"` makes one).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotations.classes import LANDCOVER_AI, ClassScheme
from annotations.errors import PartialSegError
from annotations.images.orthophoto import open_orthophoto
from annotations.label_files.read import read_mask
from annotations.region import Region
from annotations.scores import mean_iou
from annotations.simulation.sampling import SimulatedStroke, simulate_strokes
from benchmarks._annotator import POLICIES, Annotator
from benchmarks._drivers import Driver, open_driver
from benchmarks._effort_report import write_report
from benchmarks._effort_run import Moment, Run
from benchmarks._forest import Forest
from trainer.config import LiveConfig, WorkConfig

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["main"]


class Watch:
    """Notes the score while time passes."""

    def __init__(self, driver: Driver, truth: NDArray[np.int8], n_classes: int, every: float) -> None:
        self._driver = driver
        self._truth = truth
        self._n = n_classes
        self._every = every
        self._start = time.monotonic()
        self.moments: list[Moment] = []
        self.strokes = 0

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._start

    def note(self) -> Moment:
        """Score the map as it is now."""
        now = self.seconds
        score = mean_iou(np.array(self._driver.prediction), self._truth, self._n)
        labelled = int(np.count_nonzero(self._driver.labels >= 0))
        moment = Moment(now, self.strokes, labelled, self._driver.step, score)
        self.moments.append(moment)
        return moment

    def until(self, seconds: float) -> None:
        """Let time pass, scoring now and then."""
        while self.seconds < seconds:
            due = (self.moments[-1].seconds if self.moments else 0.0) + self._every
            self._driver.wait(max(min(due, seconds) - self.seconds, 0.01))
            if self.seconds >= due - 0.02:
                self.note()


def at_once(
    driver: Driver, truth: NDArray[np.int8], options: argparse.Namespace, seed: int, n: int
) -> tuple[list[Moment], list[tuple[float, NDArray[np.int8]]]]:
    """Draw everything, press Train, and watch."""
    if options.full:
        driver.label_all(truth)
    else:
        for stroke in simulate_strokes(truth, options.at_once, seed=seed, n_classes=n):
            driver.paint(stroke, truth)
    driver.wait(0.5)
    driver.train()
    watch = Watch(driver, truth, n, options.every)
    watch.strokes = 0 if options.full else options.at_once * n
    watch.until(options.seconds)
    return watch.moments, [(0.0, np.array(driver.labels))]


def one_by_one(
    driver: Driver, truth: NDArray[np.int8], options: argparse.Namespace, seed: int, n: int, policy: str
) -> tuple[list[Moment], list[tuple[float, NDArray[np.int8]]]]:
    """Press Train and draw stroke after stroke."""
    annotator = Annotator(truth, n, policy, seed)  # type: ignore[arg-type]  # argparse checked it
    driver.train()
    watch = Watch(driver, truth, n, options.every)
    given: list[tuple[float, NDArray[np.int8]]] = []
    for number in range(options.strokes):
        stroke = annotator.next(np.array(driver.prediction), np.array(driver.confidence), np.array(driver.labels))
        watch.until(watch.seconds + options.pause + _length(stroke) / options.speed)
        driver.paint(stroke, truth)
        watch.strokes = number + 1
        if watch.strokes in options.forest_at:
            given.append((watch.seconds, np.array(driver.labels)))
        if watch.seconds > options.seconds:
            break
    watch.until(options.seconds)
    return watch.moments, given


def _length(stroke: SimulatedStroke) -> float:
    steps = np.diff(stroke.path, axis=0)
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum())


def _forest_run(
    forest: Forest, given: list[tuple[float, Any]], truth: Any, n: int, policy: str, seed: int, strokes: list[int]
) -> Run:
    moments = []
    for (when, labels), number in zip(given, strokes, strict=True):
        shown, seconds = forest.map(labels)
        # The features wait for nobody, so they count from the beginning.
        end = max(when, forest.feature_seconds) + seconds
        moments.append(Moment(end, number, int((labels >= 0).sum()), 0, mean_iou(shown, truth, n)))
    return Run("forest", policy, seed, tuple(moments))


def measure(options: argparse.Namespace, say: Any = print) -> list[Run]:
    """Run everything that was asked for, one after the other."""
    ortho = open_orthophoto(options.image)
    pixels = ortho.read(Region.whole(ortho.shape))
    truth = read_mask(options.truth, n_classes=len(LANDCOVER_AI), shape=ortho.shape, georeference=ortho.georeference)
    ortho.close()
    n = len(LANDCOVER_AI)
    scheme = LANDCOVER_AI
    if options.unnamed:
        scheme = ClassScheme(tuple(replace(c, name=f"kind {i + 1}") for i, c in enumerate(scheme.classes)))
    forest = Forest(pixels) if options.forest and not options.full else None
    if forest is not None:
        say(f"forest: features in {forest.feature_seconds:.1f} s")
    runs: list[Run] = []
    for seed in options.seeds:
        for policy in ["full" if options.full else "at once"] if options.at_once or options.full else options.policy:
            for start in options.start:
                config = WorkConfig(live=LiveConfig("network", start=start, seed=seed))
                with tempfile.TemporaryDirectory(prefix="partialseg-") as name:
                    driver = open_driver(options.image, Path(name), scheme, config, viewer=options.viewer)
                    try:
                        if options.at_once or options.full:
                            moments, given = at_once(driver, truth, options, seed, n)
                        else:
                            moments, given = one_by_one(driver, truth, options, seed, n, policy)
                        if options.screenshot and hasattr(driver, "screenshot"):
                            driver.screenshot(options.screenshot)
                    finally:
                        driver.close()
                run = Run(f"live, {start}", policy, seed, tuple(moments))
                runs.append(run)
                say(_line(run, options))
            if forest is not None:
                strokes = [options.at_once * n] if options.at_once else list(options.forest_at)[: len(given)]
                run = _forest_run(forest, given, truth, n, policy, seed, strokes)
                runs.append(run)
                say(_line(run, options))
    return runs


def _line(run: Run, options: argparse.Namespace) -> str:
    if run.learner == "forest":
        ends = ", ".join(f"{m.miou:.3f} after {m.seconds:.0f} s" for m in run.moments)
        return f"{run.learner}, {run.policy}, seed {run.seed}: {ends}"
    marks = ", ".join(f"{t:.0f} s {run.at(t):.3f}" for t in options.marks if t <= options.seconds)
    last = run.moments[-1]
    return (
        f"{run.learner}, {run.policy}, seed {run.seed}: {marks}; best {max(m.miou for m in run.moments):.3f}, worst "
        f"fall after 20 s {run.worst_fall(20):.3f}; {last.strokes} strokes, {last.labelled:,} pixels, {last.step} steps"
    )


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and leave table and figure; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.effort", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--image", required=True, type=Path)
    parser.add_argument("--truth", required=True, type=Path, help="class indices of LandCover.ai, 255 where unknown")
    parser.add_argument("--at-once", type=int, default=0, metavar="N", help="strokes per class before training")
    parser.add_argument("--full", action="store_true", help="label every known pixel before training")
    parser.add_argument("--policy", nargs="+", choices=POLICIES, default=["error"])
    parser.add_argument("--strokes", type=int, default=40, help="at the most, when drawn one by one")
    parser.add_argument("--speed", type=float, default=100.0, help="pixels a second that a stroke is drawn with")
    parser.add_argument("--pause", type=float, default=3.0, help="seconds of looking before a stroke")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--start", nargs="+", default=["starter"], help="starter, none, or a checkpoint")
    parser.add_argument("--unnamed", action="store_true", help="names of classes that no checkpoint knows")
    parser.add_argument("--viewer", action="store_true", help="with the real viewer open")
    parser.add_argument("--no-forest", dest="forest", action="store_false")
    parser.add_argument("--forest-at", type=int, nargs="+", default=[10, 20, 30, 40], help="strokes at which it learns")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two scores")
    parser.add_argument("--marks", type=float, nargs="+", default=[3, 5, 7, 10, 20, 30, 60, 120, 180, 240, 300])
    parser.add_argument("--screenshot", type=Path, help="of the viewer at the end")
    parser.add_argument("--output", type=Path, default=Path("runs/effort"))
    options = parser.parse_args(arguments)
    try:
        runs = measure(options)
    except PartialSegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "effort.json").write_text(json.dumps([asdict(run) for run in runs], indent=1))
    print(write_report(runs, options.output, [t for t in options.marks if t <= options.seconds]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
