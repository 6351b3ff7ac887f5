"""The ways in and out that napari knows: readers, writers, sample data."""
