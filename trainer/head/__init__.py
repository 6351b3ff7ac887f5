"""The head that is there at once: a linear classifier on features that nothing here trains."""
