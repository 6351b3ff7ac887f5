"""The first five minutes: what to open, and what to do first."""
