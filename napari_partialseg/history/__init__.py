"""Serves the section History: snapshots, notes, time, and where work was left."""
