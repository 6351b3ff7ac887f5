"""Files and folders: replaced whole, locked, swept, set aside; asked for room; every failure in words."""
