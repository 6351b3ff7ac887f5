"""An orthophoto of a project, opened for a viewer or a command, and what is written of it; no torch."""
