"""The sample orthophoto in napari's File > Open Sample menu."""

from __future__ import annotations

from typing import Any

from annotations.sample import sample_paths
from napari_partialseg.io.reader import read

__all__ = ["sample_orthophoto"]


def sample_orthophoto() -> list[tuple[Any, ...]]:
    """Return the layer of the sample orthophoto; it is generated on first use, which takes some seconds.

    Its metadata name the truth mask under "truth".
    """
    image, truth = sample_paths()
    layers = read(str(image))
    layers[0][1]["metadata"]["truth"] = str(truth)
    return layers
