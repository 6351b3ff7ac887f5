"""Changes to a project that the disk refuses are not made, are said, and can be made again."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from failing_disk import FEW, MORE, WAYS

from annotations.classes import ClassScheme
from annotations.errors import PartialSegError, ProjectError
from annotations.images.band_roles import BandRoles
from annotations.images.orthophoto import open_orthophoto
from annotations.labels.recovery import take_up
from annotations.project.project import Project
from annotations.region import Region
from annotations.store.label_store import LabelStore
from annotations.store.writer import BackgroundWriter

LEFT = Region(2, 3, 9, 20)


@pytest.mark.parametrize("change", ["set_config", "set_scheme", "set_roles", "relocate", "add_image"])
def test_a_change_that_could_not_be_saved_is_not_made_and_can_be_tried_again(tmp_path, disk, change):
    first, second = (open_orthophoto(tmp_path / f"{n}.zarr") for n in range(2))
    with Project.create(disk.root, FEW) as project:
        project.add_image(first)
        moved = shutil.copytree(tmp_path / "0.zarr", tmp_path / "moved.zarr")
        again = open_orthophoto(moved)
        act = {
            "set_config": lambda: project.set_config({"a": 1}),
            "set_scheme": lambda: project.set_scheme(MORE),
            "set_roles": lambda: project.set_roles("1", BandRoles((0,), nodata=(3.0,))),
            "relocate": lambda: project.relocate("1", again),
            "add_image": lambda: project.add_image(second),
        }[change]

        def known():
            with Project.open(disk.root, write=False) as there:
                assert (there.scheme, there.config, there.images) == (project.scheme, project.config, project.images)
            return project.scheme, project.config, project.images

        before = known()
        replace = os.replace

        def full(source, target, **options):
            if Path(target).name == "project.json":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            replace(source, target, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "replace", full)
            with pytest.raises(ProjectError, match=r"project\.json: could not be saved .*No space left"):
                act()
        assert known() == before
        act()
        assert known() != before
    for ortho in (first, second, again):
        ortho.close()


def strange_project(home, folder):
    """Labels and points of classes that do not exist, and a mask that knows more classes than the project."""
    ortho = open_orthophoto(home / "0.zarr")
    with Project.create(folder, MORE) as project:
        place = project.add_image(ortho).folder
        store = LabelStore.open(place)
        store.submit(LEFT, np.full(LEFT.shape, 3, np.int8), np.ones(LEFT.shape, np.uint32))
        store.submit_points([{"number": 2, "row": 1, "column": 1, "label": 9}])
        assert store.close(20)
        store.mask.set_scheme(ClassScheme(FEW.classes[:2]), checked=True)
    ortho.close()
    document = json.loads((folder / "project.json").read_text())
    (folder / "project.json").write_text(json.dumps({**document, "scheme": FEW.to_json()}))
    return place


def test_what_is_strange_is_put_in_order_though_a_write_fails(tmp_path, disk):
    folder, said = Path(disk.root), []
    for number in itertools.count():
        shutil.rmtree(folder, ignore_errors=True)
        disk.fail(None, 0)
        place = strange_project(tmp_path, folder)
        with Project.open(folder) as project:
            code, lasting = WAYS[number % len(WAYS)]
            disk.fail(number, code, lasting=lasting)
            for _ in range(2):  # once more where it failed, the disk being mended
                store = None
                try:
                    store = LabelStore.open(place)
                    found = take_up(store, project)
                    if store.close(20):
                        break
                    raise store.last_error
                except PartialSegError as error:
                    said.append(str(error))
                    disk.mend()
                    assert store is None or store.close(20)
            assert (found.labels == -1).all()
            aside = np.load(place / "labels-set-aside.npz")
            assert (aside["label"] == 3).sum() == LEFT.height * LEFT.width
            assert "9" in (place / "points-set-aside.json").read_text()
            store = LabelStore.open(place, writable=False)
            assert ((store.load()[0] == -1).all(), store.points(), store.scheme) == (True, [], FEW)
        if not disk.failed:
            break
    assert len(said) > 15
    assert all(str(place) in text for text in said)


@pytest.mark.timeout(30)
def test_closing_does_not_wait_for_ever_for_what_comes_meanwhile_and_cannot_be_written():
    written = []

    def write(batch):
        if "bad" in batch:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        written.extend(batch)

    writer = BackgroundWriter(write, lambda item: None, lambda error: error)
    flush = writer.flush

    def flush_and_more(timeout=None):
        done = flush(timeout)
        writer.put("bad")  # by another thread, at the worst moment
        return done

    writer.flush = flush_and_more
    writer.put("good")
    assert not writer.close(10)
    assert (written, writer.pending) == (["good"], 1)
    assert writer.discard()
