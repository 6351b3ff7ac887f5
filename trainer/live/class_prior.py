"""How common the classes are in the image, as far as the network can tell from pixels that nobody has labelled.

Strokes are drawn where a person likes to draw: a road gets as many as the fields around it. A network that learns from
them expects as many road pixels as field pixels, and finds them. Saerens et al. 2002 ("Adjusting the outputs of a
classifier to new a priori probabilities") estimate the true shares from the network's own answers, by expectation and
maximisation, and correct its answers by the ratio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PriorShift", "estimate_shares"]

_ROUNDS: Final = 30
_MEMORY: Final = 0.98  # of the shares among the labels, a step
_TINY: Final = 1e-3
_CAUTION: Final = 0.25


def estimate_shares(
    probability: NDArray[Any], expected: NDArray[Any], *, caution: float = 0.0, rounds: int = _ROUNDS
) -> NDArray[np.float64]:
    """Return the shares of the classes, given a network's answers and the shares it expects.

    Parameters
    ----------
    probability : ndarray (n, classes)
        Softmax of pixels drawn evenly from the image.
    expected : ndarray (classes,)
        Shares among the pixels that it was trained on; above 0, summing to 1.
    caution : float
        0 to 1: how far each round is drawn back to what was expected. Without any, answers that say little are read as
        if they said much, and a class may vanish.
    rounds : int
        Of expectation and maximisation.

    Returns
    -------
    ndarray of float64, (classes,)
        Summing to 1.
    """
    answers = np.asarray(probability, np.float64)
    shares = np.asarray(expected, np.float64)
    for _ in range(rounds):
        corrected = answers * (shares / expected)
        corrected /= corrected.sum(axis=1, keepdims=True)
        shares = (1 - caution) * corrected.mean(axis=0) + caution * expected
    return shares


class PriorShift:
    """Follows the shares among labels and in the image, and says how to correct the logits.

    Parameters
    ----------
    n_classes : int
        Number of classes.
    strength : float
        0 for no correction, 1 for the full one.
    limit : float
        The correction of a logit never exceeds this: a class must not vanish because it is rare.
    """

    def __init__(self, n_classes: int, strength: float, limit: float = 1.5) -> None:
        self.strength = strength
        self._limit = limit
        self._among_labels = np.zeros(n_classes)
        self._answers: NDArray[np.float32] | None = None

    def trained_on(self, labels: NDArray[np.int8]) -> None:
        """Note the labels of a training step, of any shape, -1 where unlabelled."""
        counts = np.bincount(labels[labels >= 0].ravel(), minlength=len(self._among_labels))
        if counts.sum():
            self._among_labels = _MEMORY * self._among_labels + (1 - _MEMORY) * counts / counts.sum()

    def answered(self, probability: NDArray[np.float32]) -> None:
        """Note the answers (n, classes) for pixels from all over the image, the same ones each time."""
        if self._answers is None or self._answers.shape != probability.shape:
            self._answers = probability
        else:  # over a few times, so that the correction does not jump
            self._answers = np.add(self._answers, probability, dtype=np.float32) * np.float32(0.5)

    def shift(self, loss: float) -> NDArray[np.float32]:
        """Return what to add to the logits, float32 (classes,); 0 for classes that have no labels.

        Parameters
        ----------
        loss : float
            Cross-entropy of the labels a pixel. Where it is that of guessing, the network's answers say nothing of the
            shares, and there is no correction.
        """
        labelled = self._among_labels > 0
        number = int(labelled.sum())
        if self.strength == 0 or self._answers is None or number < 2:
            return np.zeros(len(labelled), np.float32)
        trust = min(max(1 - loss / np.log(number), 0.0), 1.0)
        expected = self._among_labels[labelled] + _TINY
        expected /= expected.sum()
        answers = self._answers[:, labelled].astype(np.float64) + 1e-9
        answers /= answers.sum(axis=1, keepdims=True)
        shares = estimate_shares(answers, expected, caution=_CAUTION)
        result = np.zeros(len(labelled), np.float32)
        result[labelled] = np.clip(trust * self.strength * np.log(shares / expected), -self._limit, self._limit)
        return result
