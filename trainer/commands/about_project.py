"""What `partialseg info` tells of projects and networks, as plain values; nothing is created or changed for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annotations.errors import PartialSegError
from annotations.export.provenance import file_digest
from annotations.images.orthophoto import open_orthophoto
from annotations.prediction.kept_map import load_prediction, made_by
from annotations.project.project import Project
from annotations.store.label_store import LabelStore
from trainer.commands.about_raster import bands_of, place_of

if TYPE_CHECKING:
    from pathlib import Path

    from annotations.project.image_entry import ImageEntry

__all__ = ["about_network", "about_project"]


def about_network(path: Path) -> dict[str, Any]:
    """Describe a checkpoint.

    Raises
    ------
    PartialSegError
        It cannot be read, or is not a checkpoint.
    """
    from trainer.checkpoint import load_checkpoint  # torch, which is needed for this alone
    from trainer.models import HypercolumnConfig

    checkpoint = load_checkpoint(path)
    model = checkpoint.model
    imagery = checkpoint.imagery
    return {
        "path": str(path),
        "kind": "checkpoint",
        "network": model.name,
        # A head on pretrained features has neither.
        "network_width": None if isinstance(model, HypercolumnConfig) else model.width,
        "network_levels": None if isinstance(model, HypercolumnConfig) else model.levels,
        "step": checkpoint.step,
        "bands": checkpoint.in_channels,
        "band_names": list(imagery.band_names) if imagery is not None else [],
        "dtype": imagery.dtype if imagery is not None and imagery.dtype else None,
        "classes": {c.name: c.colour for c in checkpoint.scheme.classes},
        "metrics": {name: value for name, value in checkpoint.metrics.items() if isinstance(value, int | float)},
        "versions": dict(checkpoint.versions),
        "sha256": file_digest(path),
    }


def about_project(path: Path) -> dict[str, Any]:
    """Describe a project.

    Raises
    ------
    PartialSegError
        It is damaged or of a newer version.
    """
    project = Project.open(path, write=False)
    weights = project.files.weights.best
    network: dict[str, Any] | None = None
    if weights.is_file():
        try:
            network = about_network(weights)
            del network["kind"], network["classes"]
        except PartialSegError as error:
            network = {"error": str(error)}
    return {
        "path": str(path),
        "kind": "project",
        "classes": {c.name: c.colour for c in project.scheme.classes},
        "images": [_about_image(project, entry, (network or {}).get("sha256", "")) for entry in project.images],
        "network": network,
    }


def _about_image(project: Project, entry: ImageEntry, digest: str) -> dict[str, Any]:
    about: dict[str, Any] = {"id": entry.id}
    try:
        place = entry.locate()
        ortho = open_orthophoto(place, roles=entry.roles)
        try:
            about |= {"image": str(place), **place_of(ortho.georeference, ortho.shape), "bands": bands_of(ortho)}
        finally:
            ortho.close()
    except PartialSegError as error:
        about |= {"image": str(entry.path), "height": entry.shape[0], "width": entry.shape[1], "error": str(error)}
    return about | _about_labels(project, entry) | {"map": _about_map(entry, digest)}


def _about_labels(project: Project, entry: ImageEntry) -> dict[str, Any]:
    try:
        store = LabelStore.open(entry.folder, writable=False, shape=entry.shape)
        counts = store.mask.counts()
    except PartialSegError as error:
        return {"labels_error": str(error)}
    names = (*project.scheme.names, *(f"class {index}" for index in range(len(project.scheme), len(counts))))
    about = {
        "labelled_pixels": dict(zip(names, map(int, counts), strict=False)),
        "strokes": len(store.strokes()),
        "points": len(store.points()),
    }
    return about | ({"notes": list(store.notes)} if store.notes else {})


def _about_map(entry: ImageEntry, digest: str) -> dict[str, Any] | None:
    classes, confidence = np.full(entry.shape, 255, np.uint8), np.zeros(entry.shape, np.uint8)
    notes: list[str] = []
    if not load_prediction(entry.folder, classes, confidence, notes=notes):
        return {"error": notes[0]} if notes else None
    made = made_by(entry.folder)
    whole = made is not None and made.checkpoint == digest
    return {
        "complete": whole,
        "step": made.step if made is not None else None,
        "predicted_pixels": int(np.count_nonzero(classes != 255)),
    }
