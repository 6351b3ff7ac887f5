"""Room is asked for before it is taken."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest
import rasterio

from annotations.disk import room
from annotations.disk.room import need_address_space, need_disk, need_memory
from annotations.errors import PartialSegError, RasterError
from annotations.images.display import display_levels
from annotations.images.gdal_raster import quiet_gdal
from annotations.images.orthophoto import open_orthophoto


def declared(path, side):
    """A small file that says it is large."""
    with quiet_gdal():
        dataset = rasterio.open(
            path,
            "w",
            driver="GTiff",
            height=side,
            width=side,
            count=3,
            dtype="uint8",
            tiled=True,
            blockxsize=4096,
            blockysize=4096,
            SPARSE_OK=True,
            BIGTIFF="YES",
            transform=rasterio.Affine(1, 0, 5, 0, -1, 5),
        )
    dataset.close()
    return path


def test_a_small_file_that_says_it_is_enormous(tmp_path):
    from trainer.opened.open_image import open_image

    path = declared(tmp_path / "huge.tif", 1_000_000)
    assert path.stat().st_size < 2**20
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(PartialSegError, match=r"huge\.tif.*1,000,000 x 1,000,000.*TB"):
        open_image(path)
    with pytest.raises(RasterError, match=r"huge\.tif.*memory"):
        display_levels(open_orthophoto(path), None)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_disk_without_room_for_what_is_shown(tmp_path, monkeypatch):
    from trainer.opened.open_image import open_image

    path = declared(tmp_path / "large.tif", 4096)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=50_000_000))
    with pytest.raises(PartialSegError, match=r"large\.tif.*103 MB.*50 MB are free"):
        open_image(path)
    assert not (tmp_path / "large.partialseg").exists()


def test_numbers_and_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=2_000_000_000))
    need_disk(2_000_000_000, tmp_path / "not" / "there", "a map")
    with pytest.raises(PartialSegError, match=r"a map needs 2\.5 GB there, and 2\.0 GB are free\. Make room"):
        need_disk(2_500_000_000, tmp_path / "not" / "there", "a map")
    monkeypatch.setattr(room, "free_memory", lambda: 5 * 10**6)
    need_memory(5 * 10**6, tmp_path, "")
    with pytest.raises(RasterError, match="6 MB of memory, and 5 MB are free; cut it"):
        need_memory(6 * 10**6, tmp_path, "cut it")
    monkeypatch.setattr(room, "_meminfo", lambda *names: None)
    need_address_space(10**18, tmp_path, "x")  # a system that does not tell is not stopped
