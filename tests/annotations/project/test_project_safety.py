"""Projects of strangers, half-written, deleted or in other hands: nothing outside is touched, nothing lost."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import rasterio

from annotations.classes import LANDCOVER_AI
from annotations.disk.files import write_atomically
from annotations.errors import PartialSegError, ProjectError, ProjectLockedError
from annotations.images.gdal_raster import quiet_gdal
from annotations.images.orthophoto import open_orthophoto
from annotations.project.project import Project
from annotations.region import Region
from annotations.store.label_store import LabelStore

ROOT = Path(__file__).parents[3]
KILLS = int(os.environ.get("PARTIALSEG_KILLS", "10"))


def photo(path, shape=(60, 80)):
    with quiet_gdal():
        dataset = rasterio.open(path, "w", driver="GTiff", height=shape[0], width=shape[1], count=3, dtype="uint8")
    with dataset:
        dataset.write(np.random.default_rng(0).integers(0, 255, (3, *shape), dtype=np.uint8))
    return open_orthophoto(path)


@pytest.fixture
def folder(tmp_path):
    with Project.create(tmp_path / "p", LANDCOVER_AI) as project:
        project.add_image(photo(tmp_path / "a.tif"))
        project.set_config({"a": 1})
    return tmp_path / "p"


def change(folder, **values):
    path = folder / "project.json"
    document = json.loads(path.read_text())
    document["images"][0].update(values)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    "image_id",
    [
        "..",
        ".",
        "",
        "../../documents",
        "a/b",
        "a\\b",
        "/etc",
        "C:",
        "con",
        "NUL",
        "a\0",
        "a" * 300,
        "1.",
        " ",
        None,
        [],
        1.5,
    ],
)
def test_an_id_that_is_no_name_is_refused(folder, image_id):
    change(folder, id=image_id)
    before = sorted(folder.parent.rglob("*"))
    with pytest.raises(ProjectError, match=r"project\.json: .*id"):
        Project.open(folder)
    assert sorted(p for p in folder.parent.rglob("*") if p.name not in ("lock", "lock.json")) == [
        p for p in before if p.name not in ("lock", "lock.json")
    ]


@pytest.mark.parametrize(
    "values",
    [{"shape": s} for s in ([0, 5], [-1, 5], [1e9, 5], [2**40, 5], [5], "ab", None, [True, 5], [5, 5, 5])]
    + [{"path": "a\0b"}, {"path": 7}, {"relative": ["x"]}, {"relative": "a\0"}, {"roles": 7}],
)
def test_other_values_that_would_steer_a_path_or_a_size_are_refused(folder, values):
    change(folder, **values)
    with pytest.raises(PartialSegError):
        Project.open(folder)


@pytest.mark.parametrize("name", ["images", "images/1", "cache", "cache/1", "weights", "images/1/labels.zarr"])
def test_a_link_that_leads_out_of_the_project_is_refused(folder, tmp_path, name):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "1" / "display-mine").mkdir(parents=True)
    (elsewhere / ".best_model-99999999-0-0123abcd.pth").write_text("mine")
    place = folder / name
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(elsewhere)
    before = sorted(elsewhere.rglob("*"))
    with pytest.raises(ProjectError, match="a link that leads out of the project"):
        Project.open(folder)
    assert sorted(elsewhere.rglob("*")) == before


def test_a_lock_that_is_a_link_and_a_holder_that_is_a_text_do_no_harm(folder, tmp_path):
    diary = tmp_path / "diary"
    diary.write_text("dear diary")
    (folder / "lock").unlink(missing_ok=True)
    (folder / "lock").symlink_to(diary)
    with pytest.raises(ProjectError, match="is a link"):
        Project.open(folder)
    (folder / "lock").unlink()
    assert diary.read_text() == "dear diary"
    with Project.open(folder):
        for holder in ({"pid": 1, "host": "<b>\n" * 99, "time": 1e99}, {"pid": "x", "host": [], "time": 0}, None, []):
            (folder / "lock.json").write_text(json.dumps(holder))
            with pytest.raises(ProjectLockedError) as caught:
                Project.open(folder)
            assert "<b>" not in str(caught.value)


@pytest.mark.parametrize("left", ["lock", "lock.json", "both"])
def test_locks_that_a_killed_viewer_left_hold_nobody_up(folder, left):
    if left != "lock.json":
        (folder / "lock").write_text("")
    if left != "lock":
        (folder / "lock.json").write_text(json.dumps({"pid": 1, "host": "elsewhere", "time": 5.0}))
    Project.open(folder).close()


def test_the_backup_is_whole_and_of_the_version_before(folder, monkeypatch):
    import annotations.project.document as module

    with Project.open(folder) as project:
        for n in range(3):
            before = (folder / "project.json").read_bytes()
            project.set_config({"n": n})
            assert (folder / "project.json.bak").read_bytes() == before
        written = []

        def killed(path, content):
            written.append(path.name)
            if len(written) == 2:
                raise KeyboardInterrupt
            write_atomically(path, content)

        monkeypatch.setattr(module, "write_atomically", killed)
        before = (folder / "project.json").read_bytes()
        with pytest.raises(KeyboardInterrupt):
            project.set_config({"n": 9})
        assert written == ["project.json.bak", "project.json"]
        assert (folder / "project.json").read_bytes() == (folder / "project.json.bak").read_bytes() == before


def test_a_damaged_backup_is_not_offered(folder):
    (folder / "project.json").write_text("{")
    (folder / "project.json.bak").write_text("{")
    with pytest.raises(ProjectError, match="damaged as well"):
        Project.open(folder)


def test_leftovers_are_swept_by_who_holds_the_lock(folder, tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    image, weights, cache = folder / "images" / "1", folder / "weights", folder / "cache" / "1"
    cache.mkdir(parents=True)
    (image / "labels.zarr" / "c" / "0").mkdir(parents=True, exist_ok=True)
    hexes = "0123456789abcdef0123456789abcdef"
    left = [
        weights / f".best_model-{dead.pid}-0-0123abcd.pth",
        weights / "resume.pth.new",
        image / f".points-{dead.pid}-3-0123abcd0123abcd.json",
        folder / f".project-{dead.pid}-12-0123abcd.json",
        cache / "prediction.u8.new",
        cache / f".prediction.u8-{dead.pid}-0123abcd.new",
        image / "labels.zarr" / f"zarr.{hexes}.partial",
        image / "labels.zarr" / "c" / "0" / f"0.{hexes}.partial",
    ]
    kept = [
        weights / f".best_model-{os.getpid()}-0-0123abcd.pth",  # of a process that runs
        weights / "before_20260101_000000.pth",
        weights / "mine.partial",
        folder / "notes.new",
        folder / ".hidden.json",
        image / "labels-set-aside.npz",
        tmp_path / f".best_model-{dead.pid}-0-0123abcd.pth",  # beside the project
    ]
    for path in left + kept:
        path.write_text("x")
    part = cache / f"display-0123abcd.{dead.pid}.part"
    part.mkdir()
    (part / "level_0.npy").write_text("x")
    with Project.open(folder):
        assert [p for p in [*left, part] if p.exists()] == []
        assert all(p.exists() for p in kept)
        left[0].write_text("x")
        with pytest.raises(ProjectLockedError):
            Project.open(folder)
        Project.open(folder, write=False)
        assert left[0].exists()


def test_a_project_deleted_while_open_is_not_made_again(folder):
    with Project.open(folder) as project:
        away = folder.with_name("away")
        folder.rename(away)
        with pytest.raises(ProjectError, match="is gone"):
            project.set_config({})
        assert not folder.exists()
        away.rename(folder)
        project.set_config({"b": 2})
    assert Project.open(folder, write=False).config == {"b": 2}


def test_a_project_restored_while_open_is_locked_again_or_left_to_who_has_it(folder):
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    project = Project.open(folder)
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)
    with Project.open(folder), pytest.raises(ProjectLockedError, match="was replaced"):
        project.set_config({"mine": 1})
    project.set_config({"mine": 1})
    with pytest.raises(ProjectLockedError):
        Project.open(folder)
    project.close()


def test_a_store_writes_nothing_after_its_project_is_closed(folder):
    project = Project.open(folder)
    store = LabelStore.open(project.images[0].folder, guard=project.check_held)
    project.close()
    store.submit(Region(0, 0, 2, 2), np.zeros((2, 2), np.int8), np.ones((2, 2), np.uint32))
    assert not store.flush(5)
    assert "closed" in str(store.last_error)
    store.discard()
    assert (LabelStore.open(store.folder, writable=False).load()[0] == -1).all()


# One process that has everything imported and forks who is killed.
MOTHER = """
import os, sys, zlib
import numpy as np
from pathlib import Path
from annotations.labels.journal import EditJournal
from annotations.images.orthophoto import open_orthophoto
from annotations.project.project import Project
from annotations.classes import LANDCOVER_AI
from annotations.region import Region
from annotations.store.label_store import LabelStore

home = Path(sys.argv[1])
folder = home / "p"
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        rng = np.random.default_rng(int(line))
        break
    print("runs", pid, flush=True)
    os.waitpid(pid, 0)
    print("\\nended", flush=True)  # what was being said is torn
else:
    sys.exit()
while True:
    project = Project.open(folder) if Project.is_project(folder) else Project.create(folder, LANDCOVER_AI)
    entry = project.add_image(open_orthophoto(home / "a.tif"))
    store = LabelStore.open(entry.folder, guard=project.check_held)
    labels, numbers = store.load()
    journal = EditJournal(labels, numbers, store.next_number())
    print("opened", flush=True)
    for _ in range(6):
        top, left = int(rng.integers(0, labels.shape[0] - 9)), int(rng.integers(0, labels.shape[1] - 9))
        labels[top : top + 9, left : left + 9] = rng.integers(-1, 5)
        found = journal.record(Region.whole(labels.shape), tool="paint")
        if found is None:
            continue
        region, record = found
        store.submit(region, labels[region.slices], numbers[region.slices], [record])
        store.submit_points([{"number": record.number}] * int(rng.integers(1, 4)))
        if store.flush(30):
            # What is told here was acknowledged as saved; short, for who says it must never wait to be heard.
            print("saved", record.number, zlib.compress(labels.tobytes()).hex(), "whole", flush=True)
    project.set_config({"n": int(rng.integers(0, 99))})
    store.close()
    project.close()
    print("closed", flush=True)
"""


@pytest.fixture
def mother(tmp_path):
    (tmp_path / "mother.py").write_text(MOTHER)
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "mother.py"), str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        yield process
        process.stdin.close()


def lines_until_killed(mother, kill, random_):
    """Let a child work, kill it, and return what it said: from its first sign of life on, or at any moment."""
    mother.stdin.write(f"{kill}\n")
    mother.stdin.flush()
    pid, lines = None, []
    while pid is None or (kill % 3 and not lines):
        line = mother.stdout.readline()
        assert line, "the process that forks has ended"
        if line.startswith("runs "):
            pid = int(line.split()[1])
        else:
            lines.append(line)
    with pytest.raises(subprocess.TimeoutExpired):  # the moment of the kill: it opens, draws, saves or closes
        mother.wait(random_.uniform(0, 0.3 if kill % 3 else 1))
    os.kill(pid, signal.SIGKILL)
    for line in mother.stdout:
        if line == "ended\n":
            return lines
        lines.append(line)
    raise AssertionError("the process that forks has ended")


def test_whenever_it_is_killed_nothing_acknowledged_is_lost(tmp_path, mother):
    """PARTIALSEG_KILLS says how often; 10 by default."""
    shape = (60, 80)
    photo(tmp_path / "a.tif", shape)
    random_ = random.Random(1)
    acknowledged, last, opened = np.full(shape, -1, np.int8), 0, 0
    for kill in range(KILLS):
        for line in lines_until_killed(mother, kill, random_):
            opened += line == "opened\n"
            if line.startswith("saved ") and line.endswith(" whole\n"):
                _, number, content, _ = line.split()
                acknowledged = np.frombuffer(zlib.decompress(bytes.fromhex(content)), np.int8).reshape(shape)
                last = int(number)
        folder = tmp_path / "p"
        if not Project.is_project(folder):
            assert last == 0
            continue
        with Project.open(folder) as project:
            for entry in project.images:
                store = LabelStore.open(entry.folder, guard=project.check_held)
                labels, numbers = store.load()
                assert store.notes == [], f"kill {kill}"
                assert store.next_number() > max(last, int(numbers.max()))
                # One stroke of 9 x 9 may be there that was not acknowledged yet.
                rows, columns = np.nonzero(labels != acknowledged)
                assert len(rows) == 0 or (np.ptp(rows) < 9 and np.ptp(columns) < 9), f"kill {kill}"
                assert {s.number for s in store.strokes()} >= set(np.unique(numbers[numbers > 0]).tolist())
                acknowledged = labels
                assert store.close()
            assert [p for p in folder.rglob("*") if p.name.endswith(".partial") or p.name.startswith(".")] == []
    assert opened or KILLS < 10
