"""LandCover.ai: the data set, and data in its layout."""
