"""A truth, and a project that was trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from command_helpers import make_project, run, write_raster


@pytest.fixture
def truth(tmp_path):
    values = np.zeros((60, 80), np.uint8)
    values[:, 40:] = 2
    values[:10, :10] = 255
    return write_raster(tmp_path / "truth.tif", values)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A project that was trained for some steps; the tests may not change it."""
    threads = torch.get_num_threads()
    project = make_project(tmp_path_factory.mktemp("trained"))
    assert run("train", project, "--steps", "25") == 0
    torch.set_num_threads(threads)
    return project
