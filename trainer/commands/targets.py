"""What a command may write to: never something that is there already, unless that is wished."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from annotations.errors import PartialSegError
from annotations.export.targets import check_target, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["may_write"]


def may_write(
    path: Path,
    *,
    endings: Sequence[str],
    overwrite: bool,
    protected: Iterable[str | Path] = (),
    beside: Sequence[str] = (),
) -> Path:
    """Return the absolute path of a file that may be written; parameters as of `check_target`.

    Raises
    ------
    PartialSegError
        It may not, or is there already and `overwrite` is False.
    """
    target = check_target(path, endings=endings, protected=protected, beside=beside)
    if os.path.lexists(target) and not overwrite:
        raise PartialSegError(f"{shown(path)}: exists already. Choose another name, or give --overwrite to replace it.")
    return target
