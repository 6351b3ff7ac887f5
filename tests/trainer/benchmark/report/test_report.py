from __future__ import annotations

import json
import math
import re
import statistics
import subprocess
import sys
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_helpers import Page, cell, scores, write_cell

from annotations.classes import ClassScheme, LandClass
from annotations.errors import PartialSegError
from trainer.benchmark.report import write as report
from trainer.benchmark.report.cell_files import Curves
from trainer.benchmark.report.plots import loss_top
from trainer.benchmark.results import CellResult, ResultError

if TYPE_CHECKING:
    from pathlib import Path

NAN = math.nan


def grid(seeds: tuple[int, ...] = (42, 43, 44)) -> list[CellResult]:
    """Two networks, some shares, clicks and scribbles, and two cells with the published settings."""
    cells = []
    for model, more in (("unet", 0.0), ("unetplusplus", 0.02)):
        for seed in seeds:
            end = "" if seed == 42 else f"_seed{seed}"
            own = {"model": model, "seed": seed}
            drift = more + 0.003 * (seed - 42)
            for amount in (0.0001, 0.01, 0.1, 1.0):
                name = f"{model}_frac{100 * amount:g}{end}"
                cells.append(cell(name, 0.6 + drift + 0.02 * math.log10(amount), amount=amount, **own))
            drawn = {"labels": "clicks", "amount": 5.0, "fraction": 0.0004 + 1e-5 * (seed - 42)}
            cells.append(cell(f"{model}_clicks5{end}", 0.45 + drift, **drawn, **own))
            drawn = {"labels": "scribbles", "amount": 2.0, "fraction": 0.004}
            cells.append(cell(f"{model}_scribbles2{end}", 0.5 + drift, **drawn, **own))
    paper = {"preset": "paper", "width": 64, "input_size": 384, "batch_size": 32, "epochs": 12}
    return [*cells, cell("paper/unet_frac10", 0.49, **paper), cell("paper/unet_frac100", 0.5, amount=1.0, **paper)]


def written(folder: Path, cells: list[CellResult]) -> tuple[dict, str, Page]:
    paths = report.write_report(folder, cells, {"data": "x", "nested": {"a": NAN, "b": [1, 2]}})
    html = paths.html.read_text("utf-8")
    assert not [p for p in folder.iterdir() if p.name.startswith(".")]
    page = Page(html)
    assert not page.open
    assert len(set(page.ids)) == len(page.ids)
    for address in page.addresses:
        # Pictures within the file, and references of a figure to its own parts.
        assert re.match(r"data:image/(png|jpeg);base64,|#", address), address[:80]
        assert not address.startswith("#") or address[1:] in page.ids
    outside = re.sub(r'"data:[^"]*"|xmlns(:\w+)?="[^"]*"', "", html)
    assert not re.search(r"https?://|file:|@import|<script|<link|<iframe|\bon\w+=|javascript:", outside)
    assert {*re.findall(r"url\(#([^)]*)\)", html)} <= {*page.ids}
    assert not re.search(r"url\((?!#)", outside)
    assert " nan" not in page.text.lower()
    assert html.count("max-width: 1080px") == 1  # the style sheet is within
    assert not re.search(r"\{\{|\{%|\bTrue\b|Undefined", page.text)
    return json.loads(paths.json.read_text("utf-8")), paths.md.read_text("utf-8"), page


def test_a_whole_grid(tmp_path: Path) -> None:
    cells = grid()
    for one in cells:
        write_cell(tmp_path, one)
    found = report.collect(tmp_path)
    assert {c.name for c in found} == {c.name for c in cells}
    content, markdown, page = written(tmp_path, found)
    full = {(c.preset, c.model, c.seed): c.best_miou for c in cells if c.amount == 1}
    assert len(content["cells"]) == len(cells)
    by_name = {c.name: c for c in cells}
    for value in content["cells"]:
        one = by_name[value["name"]]
        assert {f.name for f in fields(CellResult)} <= {*value}
        for name in ("model", "fraction", "seed", "width", "best_miou", "final_miou", "final_accuracy", "seconds"):
            assert value[name] == getattr(one, name)
        assert value["percent_of_full"] == pytest.approx(100 * one.best_miou / full[one.preset, one.model, one.seed])
        assert f"| {one.name} " in markdown
    assert len(content["groups"]) == 2 * 6 + 2
    for value in content["groups"]:
        members = [by_name[name] for name in value["cells"]]
        assert value["best_miou"]["mean"] == pytest.approx(statistics.mean(c.best_miou for c in members))
        assert value["test_miou"]["mean"] == pytest.approx(statistics.mean(c.test.miou for c in members if c.test))
        assert value["best_miou"]["n"] == len(members) == len(value["seeds"])
        if len(members) > 1:
            assert value["final_miou"]["sd"] == pytest.approx(statistics.stdev(c.final_miou for c in members))
        else:
            assert value["final_miou"]["sd"] is None
    assert content["published"][0]["best_miou"] == 0.5054
    assert content["classes"] == ["background", "building", "woodland", "water", "road"]
    assert content["setting"]["nested"]["a"] is None
    for number in range(1, 6):
        assert f"Figure {number}." in page.text
    assert "Figure 6." not in page.text
    assert page.tags.count("svg") == 4
    assert page.tags.count("img") == 4 * 2 * 6
    assert "paper †" in page.text
    assert "0.8680" in page.text
    assert "n = 1 to 3 cells" in page.text
    assert "0.6030±\xa00.0030" in page.text  # a mean, and its deviation below it
    assert "Dashed: full supervision, its deviation as a band." in page.text
    assert "Networks are set a little aside from each other." in page.text
    assert "Left out" not in page.text
    assert "8 of 14" in page.text
    # 10 % of the pixels with the first seed: 0.58 of 0.6; the mean over three seeds is near.
    assert re.search(r"10\xa0% of the pixels give 96\.7\xa0% of that", page.text)


def test_the_report_does_not_wait_for_torch() -> None:
    code = "import sys, trainer.benchmark.report.write; print([m for m in ('torch', 'matplotlib') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "[]"


def test_figures_leave_matplotlib_s_settings_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)  # others may have imported it
    before = matplotlib.rcParams.copy()  # dict() of it would ask for a backend
    written(tmp_path, [cell()])
    assert matplotlib.rcParams.copy() == before
    assert "matplotlib.pyplot" not in sys.modules


def test_the_same_cells_give_the_same_page(tmp_path: Path) -> None:
    for one in grid((42,)):
        write_cell(tmp_path, one)
    cells = report.collect(tmp_path)
    pages = [report.write_report(tmp_path, cells, {}).html.read_text() for _ in range(2)]
    assert pages[0] == pages[1]


@given(
    st.lists(
        st.tuples(st.floats(0.01, 1), st.sampled_from((0.1, 0.15, 1.0)), st.integers(1, 3), st.sampled_from("ab")),
        min_size=1,
        max_size=12,
        unique_by=lambda t: t[1:],
    )
)
def test_percent_of_full_and_groups(drawn: list[tuple[float, float, int, str]]) -> None:
    cells = [
        cell(f"c{i}", miou, amount=amount, seed=seed, model=model)
        for i, (miou, amount, seed, model) in enumerate(drawn)
    ]
    for one, (miou, amount, seed, model) in zip(cells, drawn, strict=True):
        full = {s: m for m, a, s, which in drawn if a == 1.0 and which == model}
        percent = report.percent_of_full(one, cells)
        if not full:
            assert math.isnan(percent)
        else:
            assert percent == pytest.approx(100 * miou / full.get(seed, statistics.mean(full.values())))
        if amount == 1.0:
            assert percent == pytest.approx(100)
    grouped = report.groups(cells)
    assert sorted(c.name for g in grouped for c in g.cells) == sorted(c.name for c in cells)
    assert len(grouped) == len({(a, m) for _, a, _, m in drawn})
    for group in grouped:
        assert len({(c.model, c.amount) for c in group.cells}) == 1
        values = [c.best_miou for c in group.cells]
        assert group.best_miou.mean == pytest.approx(statistics.mean(values))
        if len(values) > 1:
            assert group.best_miou.sd == pytest.approx(statistics.stdev(values))


@pytest.mark.parametrize(
    "other",
    [
        {"preset": "paper"},
        {"data": "another"},
        {"model": "unetplusplus"},
        {"width": 32},
        {"input_size": 384},
        {"batch_size": 4},
        {"epochs": 9},
        {"steps": 76},
        {"amount": 0.99},
        {"labels": "clicks", "amount": 1.0},
        {"best_miou": NAN},
        {"best_miou": 0.0},
    ],
)
def test_what_is_no_reference(other: dict[str, object]) -> None:
    sparse, full = cell(), cell("full", 0.8, amount=1.0)
    assert report.percent_of_full(sparse, [sparse, full]) == pytest.approx(62.5)
    assert math.isnan(report.percent_of_full(sparse, [sparse, replace(full, **other)]))


def test_another_seed_s_reference_is_better_than_none() -> None:
    cells = [cell(seed=1), cell("a", 0.7, amount=1.0, seed=2), cell("b", 0.9, amount=1.0, seed=3)]
    assert report.percent_of_full(cells[0], cells) == pytest.approx(100 * 0.5 / 0.8)
    assert report.percent_of_full(cells[1], cells) == pytest.approx(100)


@pytest.mark.parametrize("left_out", ["history.jsonl", "gallery.npz", "environment.json", "everything"])
@pytest.mark.parametrize("damaged", [False, True])
def test_parts_that_are_missing_or_damaged(tmp_path: Path, left_out: str, damaged: bool) -> None:
    write_cell(tmp_path, cell(test=None))
    names = ("history.jsonl", "gallery.npz", "environment.json")
    for name in names if left_out == "everything" else (left_out,):
        path = tmp_path / "unet_frac10" / name
        if damaged:
            path.write_bytes(path.read_bytes()[:20])
        else:
            path.unlink()
    _, markdown, page = written(tmp_path, report.collect(tmp_path))
    assert ("Training curves" in page.text) == (left_out not in ("history.jsonl", "everything"))
    assert ("Validation patches" in page.text) == (left_out not in ("gallery.npz", "everything"))
    assert ("Environment of" in page.text) == (left_out not in ("environment.json", "everything"))
    assert "On the test split" not in page.text
    assert "Without a reference" in page.text
    assert "| unet_frac10 " in markdown


def test_captions_promise_nothing_that_is_not_there(tmp_path: Path) -> None:
    write_cell(tmp_path, cell(test=None))
    write_cell(tmp_path, cell("unet_frac20", amount=0.2))
    (tmp_path / "unet_frac20" / "history.jsonl").unlink()
    page = written(tmp_path, report.collect(tmp_path))[2]
    assert "Left out: 1 cell without a history." in " ".join(page.text.split())
    for text in ("Dashed", "Error bars", "Clicks and scribbles", "Networks are set", "±:", "Of each network"):
        assert text not in page.text


def test_half_a_line_of_the_history_is_passed_over(tmp_path: Path) -> None:
    write_cell(tmp_path, cell())
    with (tmp_path / "unet_frac10" / "history.jsonl").open("a") as file:
        file.write('{"epoch": 4, "lo')
    assert "Training curves" in written(tmp_path, report.collect(tmp_path))[2].text


def test_cells_without_a_score(tmp_path: Path) -> None:
    none = dict.fromkeys(("best_miou", "best_batch_miou", "final_miou", "final_accuracy"), NAN)
    none |= dict.fromkeys(("final_batch_miou", "final_batch_accuracy", "wait_share"), NAN)
    lost = cell(val=None, test=None, best_epoch=0, seconds=NAN, **none)
    content, markdown, page = written(tmp_path, [lost])
    assert content["cells"][0]["best_miou"] is None
    assert content["cells"][0]["percent_of_full"] is None
    assert content["groups"][0]["best_miou"] == {"mean": None, "sd": None, "n": 0}
    assert "No epoch gave a usable score: unet_frac10" in page.text
    assert "nan" not in markdown.lower()
    assert "| – " in report.table([lost])
    content, _, page = written(tmp_path, [lost, cell("full", 0.8, amount=1.0), cell("again", 0.6, seed=43)])
    assert content["groups"][0]["best_miou"] == {"mean": 0.6, "sd": None, "n": 1}


def test_the_terminal_s_table() -> None:
    cells = [cell("a", 0.5), cell("b", 0.7, amount=1.0), cell("c", NAN), cell("d", 0.6, labels="clicks", amount=1.0)]
    lines = report.table(cells).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len({tuple(i for i, c in enumerate(line) if c == "|") for line in lines}) == 1
    assert "Best mIoU (batch mean)" in lines[0]
    assert [line.split("|")[3].strip() for line in lines[2:]] == ["0.7000", "0.6000", "0.5000", "–"]
    assert "1 click " in lines[3]
    assert "0.4887 / 0.4775 / 0.8640" in lines[4]
    assert "71.4" in lines[4]
    assert "Seed" not in lines[0]
    both = report.table([cell("a"), cell("b", seed=43, width=32)]).splitlines()
    assert "| Width | Seed |" in both[0]


def test_text_is_escaped(tmp_path: Path) -> None:
    scheme = ClassScheme(
        (LandClass("<b>a</b>", "#000000"), LandClass("$x & 'y\"|", "#ff0000"), LandClass("水", "#0000ff"))
    )
    odd = {"scheme": scheme, "val": scores(0.5, 3), "test": None, "precision": "<script>1</script>", "preset": "<i>"}
    one = cell("unet <u>", labelled=(1, 2, 3), model="net<s>", data="<d>", **odd)
    write_cell(tmp_path, one)
    cells = report.collect(tmp_path)
    paths = report.write_report(tmp_path, cells, {"<k>": "</style><script>"})
    page = Page(paths.html.read_text("utf-8"))
    assert not {"b", "u", "i", "s", "d", "k", "script"} & {*page.tags} - {"b", "i"}
    for text in ("<b>a</b>", "$x & 'y\"|", "水", "net<s>", "unet <u>", "<k>", "</style><script>", "<script>1</script>"):
        assert text in page.text
    assert "$x & 'y\"\\|" in paths.md.read_text("utf-8")


def test_several_data_sets_with_other_classes(tmp_path: Path) -> None:
    many = ClassScheme(tuple(LandClass(f"class {i}", "#123456") for i in range(14)))
    odd = {"scheme": many, "val": scores(0.3, 14), "test": None, "data": "other"}
    cells = [cell(), cell("wide", width=32), *(cell(f"m{i}", model=f"net{i}", **odd) for i in range(7))]
    content, markdown, page = written(tmp_path, cells)
    assert "2 data sets" in page.text
    assert "class 13" in page.text
    assert markdown.count("Validation: class 13") == 1
    assert len(content["groups"]) == 9


def test_a_seed_that_is_there_twice_is_said(tmp_path: Path) -> None:
    assert "more than once" in written(tmp_path, [cell("here/a"), cell("there/a", 0.6)])[2].text


def test_collecting(tmp_path: Path) -> None:
    with pytest.raises(PartialSegError, match="holds no finished cell"):
        report.collect(tmp_path)
    with pytest.raises(PartialSegError, match="no finished cell"):
        report.write_report(tmp_path, [], {})
    for name in ("unet_frac100", "paper/unet_frac10", "unet_frac0.1", "unet_frac10", "unet_frac15", "b/c/unet_frac10"):
        write_cell(tmp_path, cell(name), gallery=False)
    (tmp_path / "unet_frac10").rename(tmp_path / "unet_frac12")
    (tmp_path / "running").mkdir()
    names = [c.name for c in report.collect(tmp_path)]
    assert names == [
        *("b/c/unet_frac10", "paper/unet_frac10"),
        *("unet_frac0.1", "unet_frac12", "unet_frac15", "unet_frac100"),
    ]
    place = tmp_path / "unet_frac15" / "result.json"
    place.write_text(place.read_text()[:-20])
    with pytest.raises(ResultError, match=r"unet_frac15/result\.json: is damaged"):
        report.collect(tmp_path)


def test_a_large_gallery_stays_small(tmp_path: Path) -> None:
    """The worst that there can be: noise, four cells, patches larger than what is shown."""
    for i in range(5):
        write_cell(tmp_path, cell(f"c{i}", amount=0.01 * (i + 1)), size=384, patches=3)
    paths = report.write_report(tmp_path, report.collect(tmp_path), {})
    page = Page(paths.html.read_text())
    assert page.tags.count("img") == 4 * 2 * 6
    assert "c4" in page.text
    assert paths.html.stat().st_size < 9e6  # of noise; real imagery takes less than half


def test_every_label_is_seen() -> None:
    from trainer.benchmark.report.pictures import label_picture

    scheme = cell().scheme
    image = np.full((512, 512, 3), 200, np.uint8)
    labels = np.full((512, 512), -1, np.int8)
    labels[511, 3] = 1
    picture, enlarged = label_picture(image, labels, scheme)
    red = (picture == scheme[1].rgb).all(-1)
    assert enlarged
    assert picture.shape == (256, 256, 3)
    assert 10 < red.sum() < 80
    assert red[255, 1]
    labels[:] = 1
    picture, enlarged = label_picture(image, labels, scheme)
    assert not enlarged
    assert (picture == scheme[1].rgb).all()


@given(st.integers(1, 700), st.integers(0, 2**32 - 1))
def test_shrinking(side: int, seed: int) -> None:
    from trainer.benchmark.report.pictures import shrunk

    image = np.random.default_rng(seed).integers(0, 256, (side, side), np.uint8)
    for mean in (False, True):
        small = shrunk(image, mean=mean)
        assert small.shape == (min(side, 256),) * 2
        assert small.dtype == np.uint8
    assert abs(float(small.mean()) - float(image.mean())) < 3
    assert (shrunk(np.full_like(image, 77), mean=True) == 77).all()
    assert {*np.unique(shrunk(image))} <= {*np.unique(image)}


def test_the_axis_of_losses_leaves_wild_beginnings_out() -> None:
    epochs = np.arange(1.0, 9.0)
    val = np.array([2.0, 90.0, 7.0, math.nan, 1.4, 1.3, 1.2, 1.1])
    tame = Curves(epochs, np.linspace(1.5, 0.7, 8), val, np.linspace(0, 1, 8))
    assert loss_top([tame]) == pytest.approx(1.15 * 1.5)
    assert loss_top([]) > 0
