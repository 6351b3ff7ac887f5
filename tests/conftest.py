"""What all tests share: how many processes they run in, on which screen, and the settings of hypothesis."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_MOST_PROCESSES = 8  # each imports napari and torch, which takes seconds and a gigabyte

# Machines differ in speed, and a fixture's folder may serve all examples of a test: each example makes its own names.
settings.register_profile(
    "partialseg",
    max_examples=40,
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("partialseg")


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [*range(os.cpu_count() or 1)]


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return in how many processes `-n auto` runs the tests: 0, this one, where files, tests or words are named."""
    if config.option.keyword or all(Path(name.partition("::")[0]).suffix for name in config.args):
        return 0
    return min(len(_cores()), _MOST_PROCESSES)


def pytest_sessionstart(session: pytest.Session) -> None:
    """See to the core and the screen of this process, before the tests are imported and torch with them."""
    input_ = getattr(session.config, "workerinput", None)
    if input_ is not None and hasattr(os, "sched_setaffinity"):
        # One core for each of several processes and for what it starts, so that all of these compute in one thread:
        # a thread that waits for another whose core somebody else uses makes small work ten times slower.
        cores = _cores()
        os.sched_setaffinity(0, {cores[int(input_["workerid"].removeprefix("gw")) % len(cores)]})
    if sys.platform == "linux" and os.environ.get("DISPLAY"):
        os.environ["QT_QPA_PLATFORM"] = "xcb"  # pytest-xvfb's; Qt's "offscreen" draws no images in napari


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
