"""Orthophotos: bands out of files of any kind by windows, which pixels count, and where they lie."""
