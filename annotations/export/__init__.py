"""Maps that a GIS opens."""
