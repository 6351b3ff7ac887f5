"""Where a label teaches most: places of which the map is unsure, found and remembered."""
