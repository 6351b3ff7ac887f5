"""Learning from sparse labels. The package itself imports no torch, so the viewer may use its configuration."""
