"""A small project as a viewer would leave it, and the commands in this process."""

from __future__ import annotations

import json

import numpy as np
import rasterio
from live_helpers import CONFIG, SCHEME, make_work
from rasterio.transform import Affine

from annotations.images.orthophoto import open_orthophoto
from annotations.project.project import Project
from annotations.region import Region
from annotations.store.label_store import LabelStore
from trainer.commands import partialseg
from trainer.config import to_plain

PLACE = {"crs": "EPSG:32640", "transform": Affine(0.5, 0, 3e5, 0, -0.5, 2e6)}


def write_raster(path, pixels, **more):
    pixels = pixels if pixels.ndim == 3 else pixels[None]
    profile = {"driver": "GTiff", "count": len(pixels), "height": pixels.shape[1], "width": pixels.shape[2]}
    with rasterio.open(path, "w", dtype=pixels.dtype, **profile, **PLACE, **more) as file:
        file.write(pixels)
    return path


def run(*arguments):
    return partialseg.main([str(a) for a in arguments])


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read(path):
    with rasterio.open(path) as file:
        return file.read(1), file.tags(), file.crs


def told(capsys, *paths):
    assert run("info", *paths, "--json") == 0
    return json.loads(capsys.readouterr().out)


def make_project(folder, classes=(0, 1, 2)):
    """Make field.tif and field.partialseg with a stroke of each class; return the project's folder."""
    (folder / "made").mkdir()
    make_work(folder / "made")
    (folder / "made" / "field.tif").rename(folder / "field.tif")
    with Project.create(folder / "field.partialseg", SCHEME) as project:
        project.set_config(to_plain(CONFIG))
        ortho = open_orthophoto(folder / "field.tif")
        entry = project.add_image(ortho)
        ortho.close()
        store = LabelStore.open(entry.folder)
        for label in classes:
            region = Region(20, 20 + 100 * label, 40, 40)
            store.submit(region, np.full(region.shape, label, np.int8), np.full(region.shape, label + 1, np.uint32))
        assert store.close()
    return folder / "field.partialseg"
