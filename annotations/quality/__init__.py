"""How good a map is, from points drawn by chance that a person looked at (docs/quality.md)."""
