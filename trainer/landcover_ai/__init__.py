"""Data in the layout of LandCover.ai, and LandCover.ai itself.

    python -m trainer.landcover_ai fetch DIR        download and unpack it, from where an earlier run was stopped
    python -m trainer.landcover_ai check DIR        compare its lists with its orthophotos
    python -m trainer.landcover_ai cut DIR          write its patches as files, for other programs

A data set is a folder of orthophotos, masks, and lists of the patches of each split by name, see
`trainer.landcover_ai.layout`. Patches are read from the GeoTIFFs by window; nothing needs to be cut beforehand.
"""

from __future__ import annotations

from trainer.landcover_ai.layout import PATCH, DatasetError, Patch, Split, patch_region, read_split
from trainer.landcover_ai.read import read_patches

__all__ = ["PATCH", "DatasetError", "Patch", "Split", "patch_region", "read_patches", "read_split"]
