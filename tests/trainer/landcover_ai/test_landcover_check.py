from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from landcover_helpers import raster

from annotations.sample import write_landcover_layout
from trainer.landcover_ai import DatasetError
from trainer.landcover_ai.check import PatchCheck, check_patches
from trainer.landcover_ai.command import main

if TYPE_CHECKING:
    from collections.abc import Sequence

WHOLE = {f"s_{number}" for number in (0, 1, 3, 4)}  # of the 3 x 3 cells of 1100 x 1500 pixels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "s.tif").write_bytes(raster(np.zeros((1100, 1500), np.uint8)))
    return tmp_path


def write_lists(folder: Path, **lists: Sequence[str]) -> None:
    for split in ("train", "val", "test"):
        path = folder / f"{split}.txt"
        path.unlink(missing_ok=True)
        if lists.get(split):
            path.write_text("".join(f"{name}\n" for name in lists[split]))


LISTED = st.lists(st.sampled_from([*(f"s_{number}" for number in range(11)), "t_0", "nonsense"]), max_size=5)


@given(train=LISTED, val=LISTED, test=LISTED)
def test_each_name_is_there_missing_or_surplus(folder: Path, train: list[str], val: list[str], test: list[str]) -> None:
    write_lists(folder, train=train, val=val, test=test)
    names = train + val + test
    if not names:
        with pytest.raises(DatasetError, match=r"train.txt: is missing"):
            check_patches(folder)
        return
    check = check_patches(folder)
    assert set(check.missing) == set(names) - WHOLE
    assert set(check.surplus) == WHOLE - set(names)
    assert set(check.repeated) == {name for name in names if names.count(name) > 1}
    assert all(check.counts[s] == len(set(listed)) for s, listed in (("train", train), ("val", val)) if listed)
    if check.missing or check.repeated:
        with pytest.raises(DatasetError, match=r"missing|more than once"):
            check.require()
    else:
        check.require()


def test_at_most_five_names_are_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_lists(folder, train=[f"gone_{number}" for number in range(7)], val=["s_0", "s_1"], test=["s_1"])
    assert main(["check", str(folder)]) == 2
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        f"{folder}: 7 patches in train.txt, 2 patches in val.txt, 1 patches in test.txt",
        "7 missing (listed, but there is no such patch): gone_0, gone_1, gone_2, gone_3, gone_4 and 2 more",
        "1 listed more than once: s_1",
        "2 surplus (there, but in no list; not used): s_3, s_4",
    ]
    assert captured.err.startswith(
        f"error: {folder}: 7 listed patches are missing: gone_0, gone_1, gone_2, gone_3, gone_4 and 2 more; "
        "1 patches are listed more than once: s_1."
    )


def test_lists_of_the_wrong_length_are_named() -> None:
    check = PatchCheck(Path("data"), {"train": 7469, "val": 1602}, (), (), ("a_0",))
    check.require()
    check.require({"val": 1602})
    with pytest.raises(
        DatasetError, match=r"data: train.txt lists 7469 patches, not 7470; test.txt is missing\. Correct"
    ):
        check.require({"train": 7470, "val": 1602, "test": 1602})
    assert "test.txt is missing" in check.lines()


def test_patches_that_were_cut_out_are_compared_by_their_files(tmp_path: Path) -> None:
    output = tmp_path / "output"
    output.mkdir()
    for file in ("a_0.jpg", "a_0_m.png", "a_1.png", "a_1_m.png", "a_2.jpg", "a_3_m.png", "a_4.jpeg", "a_4_m.png"):
        (output / file).touch()
    write_lists(tmp_path, train=["a_0", "a_1"], val=["a_2", "a_3"])
    for place in (tmp_path, output):
        check = check_patches(place)
        assert (check.missing, check.repeated, check.surplus) == (("a_2", "a_3"), (), ("a_4",))


def test_the_sample_is_as_it_should_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_landcover_layout(tmp_path / "sample", tiles=1, size=1100)
    check = check_patches(folder)
    assert (sum(check.counts.values()), check.missing, check.repeated, check.surplus) == (4, (), (), ())
    assert main(["check", str(folder)]) == 0
    assert "2 patches in train.txt" in capsys.readouterr().out


def test_the_real_data(shared_data: Path) -> None:
    check = check_patches(shared_data / "dubai")
    assert (dict(check.counts), check.missing, check.repeated) == ({"train": 102, "val": 22, "test": 23}, (), ())
