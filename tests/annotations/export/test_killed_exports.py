"""Programs killed while they export: at each target lies the old file or the new one, whole, and the rest is swept.

PARTIALSEG_KILLS says how often at random moments; a few times by default. Besides that one is killed before each thing
that it does to names and disk.
"""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyogrio
import pytest

from annotations.disk.files import replacing_together
from annotations.disk.leftovers import sweep_leftovers
from annotations.images.gdal_raster import open_dataset

ROOT = Path(__file__).parents[3]
KILLS = int(os.environ.get("PARTIALSEG_KILLS", "4"))
SIZE = 200
FILES = {"map.tif", "map.tif.aux.xml", "map.qml", "sure.tif", "areas.gpkg", "areas.geojson"}

# One process that has everything imported and forks who is killed: a number says before which act, 0 at any moment.
MOTHER = """
import os, signal, sys
from pathlib import Path
import numpy as np
from annotations.classes import LANDCOVER_AI as CLASSES
from annotations.export.geotiff import write_class_map, write_confidence, write_polygons
from annotations.disk.files import replacing_together
from annotations.disk.leftovers import sweep_leftovers
from annotations.export.provenance import Provenance

folder, size = Path(sys.argv[1]), int(sys.argv[2])

def pixels(version):
    small = np.random.default_rng(version).integers(0, 5, (size // 10, size // 10)).astype(np.uint8)
    return np.kron(small, np.ones((10, 10), np.uint8))

def export(version):
    sweep_leftovers(folder)
    values, about = pixels(version), {"provenance": Provenance(step=version), "georeference": None}
    write_class_map(folder / "map.tif", values, scheme=CLASSES, style=True, **about)
    write_confidence(folder / "sure.tif", values + 1, scheme=CLASSES, **about)
    write_polygons(folder / "areas.gpkg", values, CLASSES, None, provenance=about["provenance"])
    write_polygons(folder / "areas.geojson", values, CLASSES, None, provenance=about["provenance"])

def dying(function, left):
    def act(*args, **kwargs):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)
    return act

def run(version, before):
    if before:
        left = [before]
        for name in ("replace", "rename", "link", "unlink", "fsync"):
            setattr(os, name, dying(getattr(os, name), left))
        export(version)
    while not before:
        export(version)
        version += 1
        print("wrote", version, flush=True)

for line in sys.stdin:
    version, before = map(int, line.split())
    pid = os.fork()
    if not pid:
        run(version, before)
        os._exit(0)
    print("runs", pid, flush=True)
    print("ended", os.waitpid(pid, 0)[1], flush=True)
"""


@pytest.fixture
def mother(tmp_path):
    (tmp_path / "mother.py").write_text(MOTHER)
    folder = tmp_path / "maps"
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "mother.py"), str(folder), str(SIZE)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        yield process, folder
        process.stdin.close()


def start(process, version, before):
    process.stdin.write(f"{version} {before}\n")
    process.stdin.flush()
    return int(process.stdout.readline().split()[1])


def ended(process):
    """Return how the child ended and which version was the last that it said to have written."""
    last = None
    for line in process.stdout:
        word, number = line.split()
        if word == "ended":
            return int(number), last
        last = int(number) - 1
    raise AssertionError("the process that forks has ended")


def check(folder, earliest, latest):
    """Each file is one version of those between, whole; the rest goes when it is swept. Return the versions."""
    found = []
    for name, offset in (("map.tif", 0), ("sure.tif", 1)):
        with open_dataset(folder / name) as dataset:
            found.append(int(dataset.tags()["PARTIALSEG_STEP"]))
            np.testing.assert_array_equal(dataset.read(1), pixels(found[-1]) + offset)
    for name in ("map.tif.aux.xml", "map.qml"):
        ElementTree.parse(folder / name)  # whole: it was written just now
    for name in ("areas.gpkg", "areas.geojson"):
        told, _, _, columns = pyogrio.raw.read(folder / name)
        about = pyogrio.read_info(folder / name)["layer_metadata"] if name.endswith("gpkg") else None
        about = about or json.loads((folder / name).read_text("utf-8"))["metadata"]
        found.append(int(about["PARTIALSEG_STEP"]))
        values = dict(zip(told["fields"], columns, strict=True))
        areas = np.bincount(values["class"], values["area_px"], 5)
        np.testing.assert_array_equal(areas, np.bincount(pixels(found[-1]).ravel(), minlength=5))
    assert all(earliest <= version <= latest for version in found)
    sweep_leftovers(folder)
    assert set(os.listdir(folder)) == FILES
    return found


def pixels(version):
    small = np.random.default_rng(version).integers(0, 5, (SIZE // 10, SIZE // 10)).astype(np.uint8)
    return np.kron(small, np.ones((10, 10), np.uint8))


def test_killed_before_each_act_the_old_or_the_new_file_is_there(mother):
    process, folder = mother
    start(process, 0, 10**6)
    assert ended(process)[0] == 0
    status, kills, versions = -1, 0, [0]
    while True:
        start(process, kills + 1, kills + 1)
        status, _ = ended(process)
        versions = check(folder, min(versions), kills + 1)
        if status == 0:
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        kills += 1
    assert kills > 15
    assert set(versions) == {kills + 1}


def test_a_renaming_that_fails_leaves_everything_as_it_was(tmp_path, monkeypatch):
    """Whichever of them it is."""
    paths, stale = [tmp_path / "side", tmp_path / "fresh", tmp_path / "main"], tmp_path / "stale"
    replace = os.replace
    for failing in range(1, 6):
        for path in (paths[0], paths[2], stale):
            path.write_text("old")
        left = [failing]

        def full(*names, left=left):
            left[0] -= 1
            if not left[0]:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            replace(*names)

        monkeypatch.setattr(os, "replace", full)
        try:
            with replacing_together(paths, lambda: [stale]) as names:
                for name in names:
                    name.write_text("new")
        except OSError:
            found = {p.name: p.read_text() for p in tmp_path.iterdir()}
            assert found == {"side": "old", "main": "old", "stale": "old"}
            continue
        break
    assert failing == 5
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"side": "new", "fresh": "new", "main": "new"}


def test_killed_at_any_moment_the_old_or_the_new_file_is_there(mother):
    process, folder = mother
    start(process, 0, 10**6)
    assert ended(process)[0] == 0
    random_, versions, version, left = random.Random(2), [0], 1, 0
    for _ in range(KILLS):
        pid = start(process, version, 0)
        with pytest.raises(subprocess.TimeoutExpired):  # the moment of the kill
            process.wait(random_.uniform(0, 0.4))
        os.kill(pid, signal.SIGKILL)
        status, last = ended(process)
        assert os.WTERMSIG(status) == signal.SIGKILL
        left += set(os.listdir(folder)) != FILES
        latest = version if last is None else last + 1
        versions = check(folder, min(versions) if last is None else last, latest)
        version = latest + 1
    assert left or KILLS < 20  # some were killed while they wrote
