"""Examples of what a trained cell maps, kept beside it for the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from annotations.classes import UNLABELLED
from annotations.disk.files import replacing
from trainer.fit.patches import choose_labels, resize

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from trainer.config import FitConfig
    from trainer.fit.patches import Patches
    from trainer.normalisation import Normalisation
    from trainer.precision import Precision

__all__ = ["GALLERY_FILE", "show_pixels", "telling_patches", "write_gallery"]

GALLERY_FILE: Final = "gallery.npz"
_SHOWN: Final = 2


def telling_patches(patches: Patches, count: int = _SHOWN) -> list[int]:
    """Return the patches whose classes are the most evenly mixed, from different sheets as far as there are any.

    They are chosen by the ground truth alone, so that they show neither the best nor the worst of a network.
    """
    entropy = []
    for truth in patches.truth:
        shares = torch.bincount(truth[truth != UNLABELLED].long(), minlength=patches.n_classes).double()
        shares = shares[shares > 0] / shares.sum().clamp(min=1)
        entropy.append(float(-(shares * shares.log()).sum()))
    order = sorted(range(len(patches)), key=lambda i: (-entropy[i], patches.names[i]))
    chosen: list[int] = []
    sheets: set[str] = set()
    for again in (False, True):
        for index in order:
            sheet = patches.names[index].rpartition("_")[0]
            if len(chosen) < count and index not in chosen and (again or sheet not in sheets):
                chosen.append(index)
                sheets.add(sheet)
    return chosen


def show_pixels(images: Tensor) -> NDArray[np.uint8]:
    """Return images (N, C, H, W) as (N, H, W, 3) for the eye: the first three bands, or the first one three times.

    Other types than uint8 are stretched between the 2nd and the 98th percentile of each band.
    """
    bands = [0, 1, 2] if images.shape[1] >= 3 else [0, 0, 0]
    if images.dtype == torch.uint16:
        images = images.int()
    pixels = images[:, bands].permute(0, 2, 3, 1).numpy()
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    low, high = np.nanpercentile(pixels, [2, 98], axis=(0, 1, 2))
    stretched = (pixels - low) / np.maximum(high - low, 1e-6)
    result: NDArray[np.uint8] = np.rint(np.nan_to_num(stretched).clip(0, 1) * 255).astype(np.uint8)
    return result


@torch.inference_mode()
def write_gallery(
    folder: Path,
    patches: Patches,
    model: nn.Module,
    normalisation: Normalisation,
    precision: Precision,
    config: FitConfig,
) -> None:
    """Predict some patches and write gallery.npz: image, truth, labels, prediction, confidence and names.

    Parameters
    ----------
    folder : Path
        The cell's.
    patches : Patches
        Of a split that was not learnt from. The labels shown are drawn on them as the training labels were on the
        training patches; nobody learnt from these.
    model, normalisation, precision
        What predicts.
    config : FitConfig
        Gives labels and seed.
    """
    chosen = telling_patches(patches)
    size = patches.images.shape[-1]
    images = patches.images.view(torch.int16) if patches.images.dtype == torch.uint16 else patches.images
    images = images[chosen].view(patches.images.dtype)
    truth = patches.truth[chosen]
    drawn = [
        torch.from_numpy(choose_labels(one.numpy(), config.labels, config.seed, index, patches.n_classes))
        for one, index in zip(truth, chosen, strict=True)
    ]
    model.eval()
    results: list[tuple[Tensor, Tensor]] = []
    for at in range(len(images)):
        inputs = normalisation.apply(precision.images(images[at : at + 1]))
        with precision.autocast():
            logits = model(precision.images(inputs))
        probability, label = logits.float().softmax(1).max(1)
        results.append((label.byte().cpu(), (probability * 255).round().byte().cpu()))
    content: dict[str, Any] = {
        "image": show_pixels(images),
        "truth": resize(truth, size, labels=True).numpy(),
        "labels": resize(torch.stack(drawn), size, labels=True).numpy(),
        "prediction": torch.cat([label for label, _ in results]).numpy(),
        "confidence": torch.cat([confidence for _, confidence in results]).numpy(),
        "names": np.array([patches.names[i] for i in chosen]),
    }
    with replacing(folder / GALLERY_FILE) as temporary:
        np.savez_compressed(temporary, **content)
