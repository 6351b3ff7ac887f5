"""Training on patches, epoch by epoch."""
