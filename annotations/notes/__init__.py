"""Notes pinned to places of an orthophoto."""
