"""What does being led to places save? `python -m benchmarks.where_next --set DIR`.

A simulated person draws three strokes of each class, then one stroke at a time, where a guide says: the tool's *Where
next*, chance, the pixel of least confidence, or the largest area that the map has wrong (which takes the truth). At a
place the person draws a stroke of the class that the truth has there, inside of it; where the truth is unknown the
place is passed over. After each stroke the head is fitted anew, without a worker, and its map scored on every fourth
pixel along each axis. A set is a folder as for `benchmarks.ground`. Curves go to ``curves.jsonl`` in --output as they
come; what is there already is not run again. The end is a table (``where_next.md``).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from annotations.errors import PartialSegError
from annotations.scores import mean_iou
from annotations.simulation.sampling import paint_stroke, simulate_strokes
from benchmarks._ground_contenders import write_image
from benchmarks._ground_set import items_in, load_ground
from benchmarks._reduced_head import STRIDE, ReducedHead
from benchmarks._where_next import GUIDES, Guided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks._ground_set import Ground, Item

__all__ = ["main", "strokes_needed", "table"]

_AT_FIRST = 3  # strokes of each class
_OTHER_CHANCE = 100  # the strokes after the first ones are of other chance than these


def curve(ground: Ground, image: Path, guide: Any, seed: int, strokes: int) -> list[float]:
    """Return the mean IoU after each stroke, that before the first one included."""
    n = len(ground.classes)
    labels = np.full(ground.truth.shape, -1, np.int8)
    for stroke in simulate_strokes(ground.truth, _AT_FIRST, seed=seed, n_classes=n):
        paint_stroke(labels, ground.truth, stroke)
    truth = ground.truth[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
    person = Guided(ground.truth, n, guide, seed + _OTHER_CHANCE)
    head = ReducedHead(image, n)
    try:
        scores = []
        for number in range(strokes + 1):
            answers = head.learn(labels)
            shown = answers.argmax(0).astype(np.uint8)[: truth.shape[0], : truth.shape[1]]
            scores.append(round(mean_iou(shown, truth, n), 4))
            if number < strokes:
                paint_stroke(labels, ground.truth, person.draw(answers, labels))
        return scores
    finally:
        head.close()


def strokes_needed(scores: Sequence[float], level: float) -> float:
    """Return after how many strokes a curve first reaches a level, between strokes by a straight line; inf if never."""
    for number, score in enumerate(scores):
        if score >= level:
            before = scores[number - 1] if number else score
            return number if number == 0 or score == before else number - (score - level) / (score - before)
    return float("inf")


def table(records: list[dict[str, Any]]) -> str:
    """Return a table in Markdown: for each guide the mean curve, and its strokes to what chance reaches."""
    runs: dict[tuple[str, int], dict[str, list[float]]] = {}
    for r in records:
        runs.setdefault((r["image"], r["seed"]), {})[r["guide"]] = r["curve"]
    guides = [g for g in GUIDES if any(g in run for run in runs.values())]
    whole = [run for run in runs.values() if all(g in run for g in guides)]
    if not whole:
        return "no image and seed has the curves of every guide yet"
    length = min(len(run[g]) for run in whole for g in guides)
    means = {g: np.mean([run[g][:length] for run in whole], axis=0) for g in guides}
    marks = [m for m in (0, 5, 10, 20, 30, 40) if m < length]
    goals = [m for m in marks if m >= 10]
    head = ["strokes by", *(f"mIoU, {m}" for m in marks), *(f"strokes to that of {m} by chance" for m in goals)]
    lines = [f"{len(whole)} runs", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for g in guides:
        needed = [strokes_needed(means[g], float(means["random"][: m + 1].max())) for m in goals if "random" in means]
        cells = [g, *(f"{means[g][m]:.3f}" for m in marks), *("–" if np.isinf(x) else f"{x:.1f}" for x in needed)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _runs(options: argparse.Namespace) -> list[Item]:
    items = items_in(options.set)
    unknown = set(options.only or ()) - {item.name for item in items}
    if unknown:
        raise PartialSegError(f"no image is called {', '.join(sorted(unknown))}: --only takes names of the set.")
    return [item for item in items if not options.only or item.name in options.only]


def main(arguments: list[str] | None = None) -> int:
    """Measure what is not measured yet, and write the table; return the exit code."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "curves.jsonl"
    try:
        records = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        done = {(r["image"], r["seed"], r["guide"]) for r in records}
        for item in _runs(options):
            wanted = [(s, g) for s in options.seeds for g in options.guides if (item.name, s, g) not in done]
            if not wanted:
                continue
            ground = load_ground(item)
            with tempfile.TemporaryDirectory(prefix="partialseg-") as folder:
                image = Path(folder) / "ground.tif"
                write_image(image, ground.pixels)
                for seed, guide in wanted:
                    scores = curve(ground, image, guide, seed, options.strokes)
                    records.append({"image": item.name, "seed": seed, "guide": guide, "curve": scores})
                    with path.open("a") as file:
                        file.write(json.dumps(records[-1]) + "\n")
                    print(f"{item.name}, seed {seed}, {guide}: {scores[0]:.3f} to {scores[-1]:.3f}", flush=True)
    except PartialSegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    text = table(records)
    (options.output / "where_next.md").write_text(f"{text}\n", encoding="utf-8")
    print(text)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.where_next",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--set", type=Path, required=True, metavar="DIR", help="a folder with items.json")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="of the images, these alone")
    parser.add_argument("--guides", nargs="+", choices=GUIDES, default=list(GUIDES))
    parser.add_argument("--strokes", type=int, default=40, help="after the first ones")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("runs/where_next"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
