from __future__ import annotations

import pytest
from kept_labels import make_folder


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "1")
