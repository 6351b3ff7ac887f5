"""The folder that holds a piece of work."""
