"""A network fitted to an image that it is to predict: refused where the image is of another kind than it learnt on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotations.images.statistics import band_statistics
from trainer.checkpoint import CheckpointError
from trainer.imagery import Imagery, misfits, range_misfit
from trainer.normalisation import Normalisation

if TYPE_CHECKING:
    from annotations.images.orthophoto import Orthophoto
    from trainer.checkpoint import Checkpoint

__all__ = ["FittedImage", "fit_to_image"]


@dataclass(frozen=True, slots=True)
class FittedImage:
    """How an image is read for a network.

    Parameters
    ----------
    bands : tuple of int or None
        Which of its bands the network takes, in the network's order, from 0; None for all as they are.
    normalisation : Normalisation
        Of these.
    warnings : tuple of str
        What a person should know about the map: sentences that name the image.
    """

    bands: tuple[int, ...] | None
    normalisation: Normalisation
    warnings: tuple[str, ...] = ()


def fit_to_image(checkpoint: Checkpoint, ortho: Orthophoto, *, allow: bool, name: str) -> FittedImage:
    """Compare an image with those that a checkpoint learnt on.

    Parameters
    ----------
    checkpoint : Checkpoint
        The network.
    ortho : Orthophoto
        The image.
    allow : bool
        Go on where it is of another kind: with its own normalisation where its pixels have another type or range, with
        the bands of the same names where names tell, else with the first ones.
    name : str
        The checkpoint's, for the messages.

    Raises
    ------
    CheckpointError
        The image is of another kind and that is not allowed, or it has too few bands.
    """
    if ortho.bands < checkpoint.in_channels or (ortho.bands != checkpoint.in_channels and not allow):
        more = ", or give --allow-misfit to go on with some of them" if ortho.bands > checkpoint.in_channels else ""
        raise CheckpointError(
            f"{ortho.path}: has {ortho.bands} bands, but {name} was trained on {checkpoint.in_channels}. Choose an "
            f"image with the bands it was trained on, or train on this one{more}."
        )
    image, learnt = Imagery.of(ortho), checkpoint.imagery
    bands = _same_names(learnt, image, checkpoint.in_channels) if allow else None
    found = misfits(learnt, image)
    own: Normalisation | None = None
    # 8 bits on both sides have one range; a dark scene is not of another kind.
    if not (learnt is not None and learnt.dtype == image.dtype == "uint8"):
        mean, std = band_statistics(ortho)
        chosen = range(checkpoint.in_channels) if bands is None else bands
        own = Normalisation(tuple(mean[b] for b in chosen), tuple(std[b] for b in chosen))
        out = range_misfit((checkpoint.normalisation.mean, checkpoint.normalisation.std), (own.mean, own.std))
        found += [] if out is None else [out]
    if found and not allow:
        what = "; ".join(m.text for m in found)
        raise CheckpointError(
            f"{ortho.path}: {what} ({name}). Its map would be worth nothing: choose an image of the kind that it "
            "learnt on, train on this one, or give --allow-misfit to go on all the same."
        )
    warnings = [f"{ortho.path}: {m.text} ({name}); the map may be worth nothing." for m in found]
    if ortho.bands != checkpoint.in_channels or bands is not None:
        taken = bands if bands is not None else tuple(range(checkpoint.in_channels))
        texts = ", ".join(f"{b + 1} ({ortho.band_names[b]})" for b in taken)
        warnings.append(f"{ortho.path}: of its {ortho.bands} bands these are taken, in this order: {texts}.")
        bands = taken
    if own is None or not {m.trait for m in found} & {"dtype", "range"}:
        return FittedImage(bands, checkpoint.normalisation, tuple(warnings))
    warnings.append(f"{ortho.path}: normalised with its own mean and deviation, as its pixels are of another kind.")
    return FittedImage(bands, own, tuple(warnings))


def _same_names(learnt: Imagery | None, image: Imagery, count: int) -> tuple[int, ...] | None:
    """Return where the bands that were learnt are in the image, where their names tell and they are elsewhere."""
    if learnt is None or len(learnt.band_names) != count or len(set(image.band_names)) < len(image.band_names):
        return None
    places = {name.casefold(): i for i, name in enumerate(image.band_names)}
    wanted = [places.get(name.casefold()) for name in learnt.band_names]
    found = tuple(w for w in wanted if w is not None)
    return found if len(found) == count and found != tuple(range(len(image.band_names))) else None
