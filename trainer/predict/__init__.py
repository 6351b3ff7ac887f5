"""Prediction block by block, and its command."""
