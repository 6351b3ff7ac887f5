"""Masks and label files of others, laid onto the grid of the orthophoto."""
