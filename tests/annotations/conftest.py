from __future__ import annotations

import pytest
import zarr
from failing_disk import SHAPE, FailingDisk

from annotations.store import writer as writer_module


@pytest.fixture
def disk(tmp_path, monkeypatch):
    monkeypatch.setattr(writer_module, "_RETRY_SECONDS", 600)  # tried again when it is asked for, and only then
    for number, value in enumerate((3, 4)):
        image = zarr.create_array(tmp_path / f"{number}.zarr", shape=(*SHAPE, 1), chunks=(512, 512, 1), dtype="uint8")
        image[...] = value
    return FailingDisk(monkeypatch, tmp_path / "p.partialseg")
