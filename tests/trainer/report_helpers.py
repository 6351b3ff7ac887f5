"""Cells made by code, and what a report's page holds."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np

from annotations.classes import LANDCOVER_AI
from trainer.benchmark.results import CellResult, SplitScores, write_result

if TYPE_CHECKING:
    from pathlib import Path


def scores(miou: float, n_classes: int = 5) -> SplitScores:
    matrix = np.full((n_classes, n_classes), 3, int) + np.diag(np.arange(1, n_classes + 1) * 50)
    matrix[-1] = 0  # a class that the split does not have
    return SplitScores(
        miou=miou,
        accuracy=min(1.0, miou + 0.2),
        batch_miou=miou - 0.03,
        batch_accuracy=miou + 0.1,
        iou=(*(miou,) * (n_classes - 1), float("nan")),
        confusion=tuple(tuple(map(int, row)) for row in matrix),
    )


def cell(name: str = "unet_frac10", miou: float = 0.5, **changes: Any) -> CellResult:
    """A finished cell; what belongs together follows from `miou` and `amount`."""
    made = CellResult(
        name=name,
        preset="cpu",
        model="unet",
        labels="random",
        amount=0.1,
        fraction=changes.pop("fraction", changes.get("amount", 0.1)),
        seed=42,
        width=16,
        input_size=256,
        batch_size=8,
        epochs=3,
        steps=75,
        parameters=1000,
        best_epoch=2,
        best_miou=miou,
        best_batch_miou=miou - 0.03,
        final_miou=miou - 0.01,
        final_accuracy=miou + 0.19,
        final_batch_miou=miou - 0.04,
        final_batch_accuracy=miou + 0.09,
        seconds=90.0,
        wait_share=0.1,
        labelled=(1, 2, 3, 4, 5),
        scheme=LANDCOVER_AI,
        data="0123456789abcdef",
        val=scores(miou),
        test=scores(miou - 0.05),
        precision="float32 on the CPU",
    )
    return replace(made, **changes)


def write_cell(folder: Path, result: CellResult, *, size: int = 32, patches: int = 2, gallery: bool = True) -> None:
    """Write all that a run leaves of a cell and a report reads."""
    place = folder / result.name
    place.mkdir(parents=True)
    write_result(place, result)
    rows = [{"epoch": e, "loss": 1 / e, "val_loss": 1.2 / e, "miou": 0.1 * e if e > 1 else None} for e in (1, 2, 3)]
    (place / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place / "environment.json").write_text(json.dumps({"versions": {"numpy": "2"}, "cores": 2}))
    if gallery:
        rng = np.random.default_rng(0)
        truth = rng.integers(-1, 5, (patches, size, size)).astype(np.int8)
        np.savez(
            place / "gallery.npz",
            image=rng.integers(0, 256, (patches, size, size, 3)).astype(np.uint8),
            truth=truth,
            labels=np.where(rng.random(truth.shape) < 0.05, truth, -1).astype(np.int8),
            prediction=rng.integers(0, 5, truth.shape).astype(np.uint8),
            confidence=rng.integers(0, 256, truth.shape).astype(np.uint8),
            names=np.array([f"sheet_{i}" for i in range(patches)]),
        )


class Page(HTMLParser):
    """Text, tags, addresses and ids of a page; whether every element is closed."""

    _VOID = frozenset(("meta", "img", "br"))

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "srcset", "data", "action") and value:
                self.addresses.append(value)
            if name == "id" and value:
                self.ids.append(value)
        if tag not in self._VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self._VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data
