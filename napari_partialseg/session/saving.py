"""File > Save, and every other way of the viewer to save a layer, made to keep -1.

Napari's own writer comes first in its dialog and stores every Labels layer as uint32: -1 becomes 4294967295, a class
that nobody knows. Labels and prediction of a session are written by ours, whichever filter is chosen.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotations.errors import PartialSegError
from napari_partialseg.session.writer import write_labels_layer

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_partialseg.session.layers import SessionLayers

__all__ = ["SavingAsLabels"]

_SUFFIXES = (".tif", ".tiff", ".zarr")
_NAPARIS = {"napari.write_labels", "napari.write_directory"}


class SavingAsLabels:
    """Takes the place of `viewer.layers.save` and of the two layers' `save` until it is stopped.

    Parameters
    ----------
    viewer : Viewer
        Whose layers are saved.
    layers : SessionLayers
        The layers of the session.
    """

    def __init__(self, viewer: Viewer, layers: SessionLayers) -> None:
        self._shown: Any = viewer.layers
        self._ours = (layers.labels, layers.prediction)
        self._outline = layers.place
        self._original = viewer.layers.save
        vars(self._shown)["save"] = self._save
        for layer in self._ours:
            vars(layer)["save"] = lambda path, plugin=None, layer=layer: _save_one(layer, path)

    def stop(self) -> None:
        """Give saving back to the viewer."""
        for holder in (self._shown, *self._ours):
            vars(holder).pop("save", None)

    def _save(self, path: str, *, selected: bool = False, plugin: str | None = None, _writer: Any = None) -> list[str]:
        wanted = [one for one in self._shown if not selected or one in self._shown.selection]
        ours = [one for one in wanted if any(one is layer for layer in self._ours)]
        others_own = plugin not in (None, "napari") or (_writer is not None and _writer.command not in _NAPARIS)
        into_folder = getattr(_writer, "command", "") == "napari.write_directory"
        if not ours or others_own or (len(wanted) > 1 and not into_folder and Path(path).suffix):
            return self._original(path, selected=selected, plugin=plugin, _writer=_writer)
        if len(wanted) == 1 and not into_folder:
            return _save_one(ours[0], path)
        return self._save_folder(Path(path), ours, [one for one in wanted if one not in ours])

    def _save_folder(self, folder: Path, ours: list[Layer], rest: list[Layer]) -> list[str]:
        from napari.plugins.io import save_layers

        targets = [folder / f"{layer.name}.tif" for layer in ours]
        for target in targets:
            if target.exists():
                raise PartialSegError(f"{target} is there already. Choose another folder, or move it away.")
        folder.mkdir(parents=True, exist_ok=True)
        kept = [layer for layer in rest if layer is not self._outline]  # an outline is nothing to keep
        written = [path for layer in kept for path in save_layers(str(folder / layer.name), [layer])]
        for layer, target in zip(ours, targets, strict=True):
            written += _save_one(layer, target)
        return written


def _save_one(layer: Layer, path: str | Path) -> list[str]:
    target = Path(path)
    if not target.suffix:
        target = target.with_name(target.name + ".tif")
        if target.exists():  # the dialog has asked about the name without the ending only
            raise PartialSegError(f"{target} is there already. Choose another name, or move it away.")
    if target.suffix.lower() not in _SUFFIXES:
        raise PartialSegError(
            f"{target}: labels are saved as .tif or .zarr, which keep -1 (unlabelled); {target.suffix} would not. "
            f"Choose another ending, or use Export in the panel."
        )
    return write_labels_layer(str(target), *layer.as_layer_data_tuple()[:2])
