"""Networks whose numbers are finite, and the way back for one whose are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    from torch import nn

__all__ = ["LastGood", "is_finite"]

_PATIENCE: Final = 24
"""Steps skipped one after the other, until the network counts as lost: a loss scaler that begins at 65,536 and is
halved each time has long found its size by then."""
_RETURNS: Final = 3


@torch.no_grad()
def is_finite(model: nn.Module) -> bool:
    """Whether all weights and running statistics are finite; waits for the device."""
    largest = [t.abs().amax() for t in model.state_dict().values() if t.is_floating_point() and t.numel()]
    return not largest or bool(torch.isfinite(torch.stack(largest)).all())


class LastGood:
    """Remembers the last average that was finite, and counts what went wrong.

    Attributes
    ----------
    notes : list of str
        What people should know; whoever tells them empties it.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.hopeless = False
        self._kept: dict[str, torch.Tensor] | None = None
        self._skipped = 0
        self._returns = 0
        self._said = False

    def forget(self) -> None:
        """Remember nothing: the network is another one now."""
        self._kept = None

    @torch.no_grad()
    def keep(self, average: nn.Module) -> None:
        """Remember an average that is finite."""
        self._kept = {name: tensor.clone() for name, tensor in average.state_dict().items()}

    def stepped(self) -> None:
        """Note that a step was made whole."""
        self._skipped = 0

    def learnt(self) -> None:
        """Note that a network that learnt was found finite."""
        self._returns = 0

    def skipped(self, *, scaled: bool) -> bool:
        """Note a step skipped, as loss or gradients were not finite; return whether the network counts as lost.

        Parameters
        ----------
        scaled : bool
            Whether a loss scaler is at work: it looks for its size, so a few skipped steps are no news.
        """
        self._skipped += 1
        if not self._said and (not scaled or self._skipped >= _PATIENCE):
            self._said = True
            self.notes.append(
                "A training step gave numbers that are not finite, and was skipped; training goes on. Where this "
                "happens often, look for enormous values in the orthophoto, or choose a lower learning rate."
            )
        return self._skipped >= _PATIENCE

    def go_back(self, *networks: nn.Module) -> bool:
        """Give networks the last good average; return False where there is none yet, and they must begin again."""
        self._skipped = 0
        self._returns += 1
        self.hopeless = self._returns > _RETURNS
        where = "the start" if self._kept is None else "the last state that was sound"
        self.notes.append(
            f"The network's weights ran away (they were not finite any more); training went back to {where}."
        )
        if self._kept is None:
            return False
        for network in networks:
            network.load_state_dict(self._kept)
        return True
