"""Checking the map at points drawn by chance, without seeing it."""
