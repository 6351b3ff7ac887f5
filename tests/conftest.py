from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Machines differ in speed, and a fixture's folder may serve all examples of a test: each example makes its own names.
settings.register_profile(
    "partialseg",
    max_examples=40,
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("partialseg")


def pytest_collection_finish() -> None:
    """Spare the collector what the imports made: napari and its tests collect several times a viewer."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real imagery, which the repository does not contain."""
    named = os.environ.get("PARTIALSEG_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no imagery at {folder}: set PARTIALSEG_DATA to the folder that holds dubai and naip")
    return folder
