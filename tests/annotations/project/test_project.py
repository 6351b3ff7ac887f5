from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from annotations.classes import LANDCOVER_AI, ClassScheme, LandClass
from annotations.errors import LabelError, ProjectError, ProjectLockedError, ProjectVersionError
from annotations.images.gdal_raster import quiet_gdal
from annotations.images.orthophoto import open_orthophoto
from annotations.project.project import Project
from annotations.region import Region
from annotations.store.label_store import LabelStore

ROOT = Path(__file__).parents[3]


def photo(path, seed=0, shape=(60, 80)):
    path.parent.mkdir(parents=True, exist_ok=True)
    with quiet_gdal():
        dataset = rasterio.open(path, "w", driver="GTiff", height=shape[0], width=shape[1], count=3, dtype="uint8")
    with dataset:
        dataset.write(np.random.default_rng(seed).integers(0, 255, (3, *shape), dtype=np.uint8))
    return open_orthophoto(path)


def contents(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_project_comes_back_as_it_was(tmp_path):
    ortho = photo(tmp_path / "a.tif")
    folder = Project.folder_for(ortho.path)
    assert folder == tmp_path / "a.partialseg"
    assert not Project.is_project(folder)
    with Project.create(folder, LANDCOVER_AI) as project:
        entry = project.add_image(ortho)
        second = project.add_image(photo(tmp_path / "b.tif", 1))
        assert project.add_image(ortho) == entry
        project.set_config({"model": {"width": 16}})
        store = LabelStore.open(entry.folder)
        store.submit(Region(1, 2, 3, 4), np.full((3, 4), 2, np.int8), np.full((3, 4), 1, np.uint32))
        assert store.close()
    assert Project.is_project(folder)
    with Project.open(folder) as again:
        assert again.images == [entry, second]
        assert again.image(second.id).shape == (60, 80)
        assert (again.scheme, again.config, again.read_only) == (LANDCOVER_AI, {"model": {"width": 16}}, False)
        assert again.image(entry.id).locate() == ortho.path
        again.image(entry.id).check(ortho)
        assert (LabelStore.open(entry.folder, writable=False).load()[0] == 2).sum() == 12
        with pytest.raises(ProjectError, match="no image '9'"):
            again.image("9")
    with pytest.raises(ProjectError, match="holds a project already"):
        Project.create(folder, LANDCOVER_AI)


def test_classes_change_in_project_and_labels_together(tmp_path):
    with Project.create(tmp_path / "p", LANDCOVER_AI) as project:
        entry = project.add_image(photo(tmp_path / "a.tif"))
        project.set_scheme(LANDCOVER_AI.added(LandClass("rail", "#000000")))
        store = LabelStore.open(entry.folder)
        assert len(store.scheme) == 6
        store.submit(Region(0, 0, 1, 1), np.full((1, 1), 5, np.int8), np.ones((1, 1), np.uint32))
        store.close()
        with pytest.raises(LabelError, match="rail"):
            project.set_scheme(LANDCOVER_AI)
        assert len(project.scheme) == 6
        project.set_scheme(ClassScheme((*LANDCOVER_AI.classes, LandClass("track", "#111111"))))
    assert Project.open(tmp_path / "p", write=False).scheme.names[5] == "track"


def test_the_second_viewer_is_refused_or_reads_only(tmp_path):
    folder = tmp_path / "p"
    with Project.create(folder, LANDCOVER_AI) as project:
        project.add_image(photo(tmp_path / "a.tif"))
        with pytest.raises(ProjectLockedError, match="open in another viewer"):
            Project.open(folder)
        before = contents(folder)
        reader = Project.open(folder, write=False)
        assert reader.read_only
        for change in (
            lambda: reader.set_config({}),
            lambda: reader.set_scheme(LANDCOVER_AI),
            lambda: reader.add_image(photo(tmp_path / "b.tif", 1)),
        ):
            with pytest.raises(ProjectError, match="read-only"):
                change()
        reader.close()
        assert contents(folder) == before
    Project.open(folder).close()


HOLDER = """
import sys, time
from annotations.project.project import Project
project = Project.open(sys.argv[1])
print("open", flush=True)
time.sleep(60)
"""


def test_the_lock_goes_with_a_killed_holder_but_not_to_its_children(tmp_path):
    folder = tmp_path / "p"
    Project.create(folder, LANDCOVER_AI).close()
    child = 'import subprocess; subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"], stdout=-3)\n'
    script = HOLDER.replace('print("open"', f'{child}print("open"')
    with subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(ProjectLockedError, match=f"process {process.pid} on"):
            Project.open(folder)
        process.kill()
        process.wait()
    Project.open(folder).close()


def test_a_newer_project_is_left_alone(tmp_path):
    folder = tmp_path / "p"
    Project.create(folder, LANDCOVER_AI).close()
    document = json.loads((folder / "project.json").read_text())
    (folder / "project.json").write_text(json.dumps({**document, "format": 2, "version": "9.1", "images": "elsewhere"}))
    before = contents(folder)
    with pytest.raises(ProjectVersionError, match=r"format 2 \(version 9\.1\).*Update"):
        Project.open(folder)
    assert contents(folder) == before


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 1}', '{"format": "x"}', "\0" * 100])
def test_a_damaged_description_names_its_backup_which_works(tmp_path, damage):
    folder = tmp_path / "p"
    with Project.create(folder, LANDCOVER_AI) as project:
        project.add_image(photo(tmp_path / "a.tif"))
        project.set_config({"a": 1})
    (folder / "project.json").write_text(damage)
    assert Project.is_project(folder)
    with pytest.raises(ProjectError, match=r"project\.json.*project\.json\.bak") as caught:
        Project.open(folder)
    assert "labels are safe" in str(caught.value)
    shutil.copy(folder / "project.json.bak", folder / "project.json")
    with Project.open(folder) as again:
        assert len(again.images) == 1


def test_unknown_fields_of_a_project_are_kept(tmp_path):
    folder = tmp_path / "p"
    Project.create(folder, LANDCOVER_AI).close()
    document = json.loads((folder / "project.json").read_text())
    (folder / "project.json").write_text(json.dumps({**document, "note": "by hand"}))
    with Project.open(folder) as project:
        project.set_config({"b": 2})
    assert json.loads((folder / "project.json").read_text())["note"] == "by hand"


def test_what_is_no_project_says_so(tmp_path):
    with pytest.raises(ProjectError, match="no project"):
        Project.open(tmp_path)
    assert not Project.is_project(tmp_path / "nowhere")


def test_an_image_is_found_where_project_and_image_moved_together(tmp_path):
    ortho = photo(tmp_path / "here" / "a.tif")
    with Project.create(tmp_path / "here" / "a.partialseg", LANDCOVER_AI) as project:
        project.add_image(ortho)
    (tmp_path / "here").rename(tmp_path / "there")
    with Project.open(tmp_path / "there" / "a.partialseg") as project:
        (entry,) = project.images
        assert entry.locate() == tmp_path / "there" / "a.tif"
        entry.check(open_orthophoto(entry.locate()))


def test_an_image_is_found_where_only_the_project_moved(tmp_path):
    ortho = photo(tmp_path / "images" / "a.tif")
    with Project.create(tmp_path / "p", LANDCOVER_AI) as project:
        project.add_image(ortho)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "p").rename(tmp_path / "deep" / "er" / "p")
    with Project.open(tmp_path / "deep" / "er" / "p") as project:
        assert project.images[0].locate() == ortho.path


def test_a_lost_image_is_named_in_both_places_and_can_be_found_again(tmp_path):
    ortho = photo(tmp_path / "here" / "a.tif")
    with Project.create(tmp_path / "here" / "p", LANDCOVER_AI) as project:
        project.add_image(ortho)
    (tmp_path / "here").rename(tmp_path / "there")
    (tmp_path / "there" / "a.tif").rename(tmp_path / "moved.tif")
    with Project.open(tmp_path / "there" / "p") as project:
        with pytest.raises(ProjectError) as caught:
            project.images[0].locate()
        for place in (tmp_path / "there" / "a.tif", tmp_path / "here" / "a.tif"):
            assert str(place) in str(caught.value)
        assert project.relocate("1", open_orthophoto(tmp_path / "moved.tif")).locate() == tmp_path / "moved.tif"


def test_a_changed_image_is_noticed_and_may_be_accepted(tmp_path):
    with Project.create(tmp_path / "p", LANDCOVER_AI) as project:
        entry = project.add_image(photo(tmp_path / "a.tif"))
        changed = photo(tmp_path / "a.tif", 5)
        with pytest.raises(ProjectError, match=r"a\.tif: the image has changed"):
            entry.check(changed)
        with pytest.raises(ProjectError, match="has changed"):
            project.add_image(changed)
        project.relocate(entry.id, changed, accept=True).check(changed)
        larger = photo(tmp_path / "a.tif", 5, (61, 80))
        with pytest.raises(ProjectError, match=r"61 x 80 pixels .* 60 x 80"):
            project.relocate(entry.id, larger, accept=True)


def test_a_folder_that_a_crash_left_is_not_used_again(tmp_path):
    with Project.create(tmp_path / "p", LANDCOVER_AI) as project:
        (tmp_path / "p" / "images" / "1").mkdir()
        assert project.add_image(photo(tmp_path / "a.tif")).id == "2"


def test_a_failed_save_leaves_the_old_description(tmp_path, monkeypatch):
    import annotations.project.document as module

    with Project.create(tmp_path / "p", LANDCOVER_AI) as project:
        project.set_config({"a": 1})

        def full(*_):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(module, "write_atomically", full)
            with pytest.raises(ProjectError, match=r"project\.json: could not be saved.*No space"):
                project.set_config({"a": 2})
        assert Project.open(tmp_path / "p", write=False).config == {"a": 1}


def test_without_leave_to_write_beside_the_image_the_project_goes_to_the_users_data(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    first, second = Project.folder_for("/pictures/a.tif"), Project.folder_for("/other/a.tif")
    assert first != second
    assert first.name.startswith("a-") and first.suffix == ".partialseg"
    assert first == Project.folder_for("/pictures/a.tif")


def test_a_project_of_the_first_version_opens_with_its_fingerprint_and_bands(tmp_path):
    from annotations.images.band_roles import BandRoles

    ortho = photo(tmp_path / "a.tif")
    folder = tmp_path / "a.partialseg"
    with Project.create(folder, LANDCOVER_AI) as project:
        entry = project.add_image(ortho)
        assert entry.roles == ortho.roles == BandRoles((0, 1, 2))
    document = json.loads((folder / "project.json").read_text())
    # As it was taken then: of the size, the type and the bytes of the file.
    digest = hashlib.blake2b(json.dumps([60, 80, 3, "|u1"]).encode(), digest_size=16)
    content = ortho.path.read_bytes()
    digest.update(str(len(content)).encode() + content)
    del document["images"][0]["roles"]
    document["images"][0]["fingerprint"] = digest.hexdigest()
    (folder / "project.json").write_text(json.dumps(document))
    with Project.open(folder) as again:
        (old,) = again.images
        assert old.roles is None
        old.check(ortho)
        assert again.add_image(ortho) == old
        assert again.relocate(old.id, ortho).fingerprint == ortho.fingerprint
        chosen = again.set_roles(old.id, BandRoles((2,), nodata=(0.0,)))
        assert chosen.roles == BandRoles((2,), nodata=(0.0,))
    with Project.open(folder, write=False) as again, pytest.raises(ProjectError, match="read-only"):
        again.set_roles(old.id, BandRoles((0,)))
    with pytest.raises(ProjectError, match="changed since"):
        old.check(photo(tmp_path / "a.tif", 1))
