"""How well does each learner do on ground of many kinds? `python -m benchmarks.ground --set DIR`.

A set is a folder with ``items.json``: a list of ``{"name": NAME, "names": [class, ...]}``, and for each ``NAME.tif``
and ``NAME_mask.tif`` (class indices in the order of names; other values are unknown). `--pair IMAGE TRUTH` adds an
image whose truth holds the classes of LandCover.ai. Strokes come from the truth as a person might draw them (the same
for every learner):

    --strokes 6               so many per class, all at once; several amounts may be named
    --clicks 20               discs of 3 px radius, so many per class
    --correct 40              one stroke after the other where the learner's own map is wrong, 30 steps after each
    --full                    every known pixel: what there is to reach

The live learner is watched in steps, which are the same on any machine, and the worker in seconds. Results go to
``results.jsonl`` in --output as they come; what is there already is not run again. The end is one table
(``ground.md``) and one figure (``ground.png``). Needs `pip install --group bench`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotations.errors import PartialSegError
from annotations.scores import class_iou
from annotations.simulation.sampling import paint_stroke, simulate_clicks, simulate_strokes
from benchmarks._annotator import Annotator
from benchmarks._ground_contenders import AT_ONCE, LEARNERS, enter
from benchmarks._ground_report import write_report
from benchmarks._ground_set import Ground, Item, items_in, load_ground, pair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from benchmarks._ground_contenders import Contender

__all__ = ["main"]

_STEPS_A_STROKE = 30
_MARKS_OF_CORRECTION = (10, 20, 30, 40)


def labels_at_once(ground: Ground, given: str, amount: int, seed: int) -> NDArray[np.int8]:
    """Return labels drawn without looking at a map: "strokes" or "clicks" per class, or "full"."""
    if given == "full":
        return ground.truth.copy()
    labels = np.full(ground.truth.shape, -1, np.int8)
    n = len(ground.classes)
    if given == "strokes":
        for stroke in simulate_strokes(ground.truth, amount, seed=seed, n_classes=n):
            paint_stroke(labels, ground.truth, stroke)
        return labels
    rows, columns = np.ogrid[-3:4, -3:4]
    disc = np.argwhere(rows**2 + columns**2 <= 9) - 3
    for row, column, label in simulate_clicks(ground.truth, amount, seed, n_classes=n):
        places = np.clip(disc + np.array([row, column]), 0, np.array(labels.shape) - 1)
        places = places[ground.truth[tuple(places.T)] == label]
        labels[tuple(places.T)] = label
    return labels


def watched(
    contender: Contender, ground: Ground, given: str, amount: int, seed: int, marks: list[float]
) -> Iterator[tuple[float, NDArray[np.uint8], NDArray[np.int8]]]:
    """Yield mark, map and labels while a learner learns."""
    if given != "correct":
        labels = labels_at_once(ground, given, amount, seed)
        contender.take(labels)
        for mark in marks:
            contender.advance(mark)
            yield mark, contender.map()[0], labels
        return
    annotator = Annotator(ground.truth, len(ground.classes), "error", seed)
    labels = np.full(ground.truth.shape, -1, np.int8)
    shown = np.zeros(labels.shape, np.uint8), np.zeros(labels.shape, np.uint8)
    for number in range(1, amount + 1):
        paint_stroke(labels, ground.truth, annotator.next(*shown, labels))
        contender.take(labels)
        if len(np.unique(labels[labels >= 0])) < 2:
            continue
        contender.advance(number * _STEPS_A_STROKE)
        shown = contender.map()
        if number in _MARKS_OF_CORRECTION or number == amount:
            yield number, shown[0], labels


def run(item: Item, learner: str, given: str, amount: int, seed: int, marks: list[float]) -> list[dict[str, Any]]:
    """Return a record for each mark: score, and that of each class; for corrections that of the forest beside it."""
    ground = load_ground(item)
    n = len(ground.classes)

    def record(name: str, mark: float, shown: NDArray[np.uint8]) -> dict[str, Any]:
        iou = class_iou(shown, ground.truth, n)
        scores = {c: round(float(v), 4) for c, v in zip(ground.classes, iou, strict=True)}
        base = {"image": item.name, "learner": name, "given": given, "amount": amount, "seed": seed, "mark": mark}
        return base | {"miou": round(float(np.nanmean(iou)), 4), "classes": scores}

    records = []
    with tempfile.TemporaryDirectory(prefix="partialseg-") as folder:
        contender = enter(learner, ground, seed, Path(folder))
        beside = enter("forest", ground, seed, Path(folder)) if given == "correct" else None
        try:
            for mark, shown, labels in watched(contender, ground, given, amount, seed, marks):
                records.append(record(learner, mark, shown))
                if beside is not None:
                    beside.take(labels)
                    records.append(record(f"forest, strokes of {learner}", mark, beside.map()[0]))
        finally:
            contender.close()
    return records


def plan(options: argparse.Namespace) -> list[tuple[Item, str, str, int, int, list[float]]]:
    """Return every run that was asked for: image, learner, what is given, how much of it, seed, marks."""
    items = [item for folder in options.set for item in items_in(folder)]
    items += [pair(image, truth) for image, truth in options.pair]
    if options.only:
        unknown = set(options.only) - {item.name for item in items}
        if unknown:
            raise PartialSegError(f"no image is called {', '.join(sorted(unknown))}: --only takes names of the set.")
        items = [item for item in items if item.name in options.only]
    if not items:
        raise PartialSegError("no images: name a folder with --set, or files with --pair.")
    given = [("strokes", n) for n in options.strokes] + [("clicks", n) for n in options.clicks]
    given += [("correct", n) for n in options.correct] + ([("full", 0)] if options.full else [])
    result = []
    for kind, amount in given:
        for item in items:
            for learner in options.learners:
                marks = options.seconds if learner.startswith("worker") else options.steps
                marks = [0.0] if learner in AT_ONCE else marks
                if kind == "correct" and (learner == "forest" or learner.startswith("worker")):
                    continue  # the forest is given the strokes of the others; the worker: benchmarks.effort
                result += [(item, learner, kind, amount, seed, marks) for seed in options.seeds]
    return result


def main(arguments: list[str] | None = None) -> int:
    """Measure what is not measured yet, and write table and figure; return the exit code."""
    options = _parser().parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "results.jsonl"
    try:
        records = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        done = {(r["image"], r["learner"], r["given"], r["amount"], r["seed"], r["mark"]) for r in records}
        for item, learner, given, amount, seed, marks in plan(options):
            ends = [float(amount)] if given == "correct" else marks
            if all((item.name, learner, given, amount, seed, mark) in done for mark in ends):
                continue
            new = run(item, learner, given, amount, seed, marks)
            with path.open("a") as file:
                file.writelines(json.dumps(r) + "\n" for r in new)
            records += new
            scores = ", ".join(f"{r['learner']} at {r['mark']:g} {r['miou']:.3f}" for r in new)
            print(f"{item.name}, {given} {amount}, seed {seed}: {scores}", flush=True)
    except PartialSegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(write_report(records, options.output))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ground", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", type=Path, nargs="+", default=[], metavar="DIR", help="folders with items.json")
    parser.add_argument("--pair", type=Path, nargs=2, action="append", default=[], metavar=("IMAGE", "TRUTH"))
    parser.add_argument("--only", nargs="+", metavar="NAME", help="of the images, these alone")
    parser.add_argument("--learners", nargs="+", choices=LEARNERS, default=["own names", "known names", "forest"])
    parser.add_argument("--strokes", type=int, nargs="+", default=[], metavar="N", help="per class")
    parser.add_argument("--clicks", type=int, nargs="+", default=[], metavar="N", help="per class")
    parser.add_argument("--correct", type=int, nargs="+", default=[], metavar="N", help="strokes in all")
    parser.add_argument("--full", action="store_true", help="every known pixel")
    parser.add_argument("--steps", type=float, nargs="+", default=[30, 100, 300], help="at which the learner is scored")
    parser.add_argument("--seconds", type=float, nargs="+", default=[5, 15, 30, 60], help="the same for the worker")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--output", type=Path, default=Path("runs/ground"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
