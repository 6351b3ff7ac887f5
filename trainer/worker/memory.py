"""Memory that ran out: what to do with less of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch

from annotations.errors import PartialSegError

if TYPE_CHECKING:
    from trainer.worker.mapping import Mapping
    from trainer.worker.open_work import OpenWork

__all__ = ["do_with_less", "ran_out"]

_SMALLEST_BLOCK: Final = 128


def ran_out(error: BaseException) -> bool:
    """Whether an error says that there is not enough memory, of the machine or of the card."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "memory" in str(error).lower()


def do_with_less(work: OpenWork, made: Mapping, error: BaseException) -> str:
    """Take fewer crops at once, or else predict in smaller blocks; return which, for people.

    Raises
    ------
    PartialSegError
        Both are as small as they can be.
    """
    crops = work.learner.halve_micro_batch()
    block = made.schedule.block
    if crops:
        text = f"Memory ran out; training goes on with {crops} crops at once, which is slower but the same."
    elif block > _SMALLEST_BLOCK:
        made.use_block(block // 2)
        text = f"Memory ran out; prediction goes on in blocks of {block // 2} pixels."
    else:
        raise PartialSegError(
            "Memory ran out even with the smallest crops and blocks. Choose a narrower network and start afresh, "
            "or close other programs."
        ) from error
    if work.precision.device.type == "cuda":
        torch.cuda.empty_cache()
    return text
