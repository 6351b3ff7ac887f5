"""A project's labels in hand, as the viewer has them, for tests that work on them."""

from __future__ import annotations

from annotations.labels.labelling import Labelling
from annotations.labels.recovery import take_up


def in_hand(project, store, tell=lambda text: None):
    """Take up what is on disk, of which nothing is to be said; return it and its owner, which saves into the store."""
    found = take_up(store, project)
    assert found.note == ""
    labelling = Labelling(
        found.labels,
        found.strokes,
        project.scheme,
        found.points,
        store=store,
        project=project,
        next_number=store.next_number(),
        known=store.strokes(),
        tell=tell,
    )
    return found, labelling
