"""A small project as a viewer would leave it."""

from __future__ import annotations

import numpy as np
from live_helpers import CONFIG, SCHEME, make_work

from annotations.images.orthophoto import open_orthophoto
from annotations.project.project import Project
from annotations.region import Region
from annotations.store.label_store import LabelStore
from trainer.config import to_plain


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
