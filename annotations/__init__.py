"""Sparse labels, orthophotos and maps: numpy, zarr, rasterio and scikit-image; neither torch nor Qt."""
