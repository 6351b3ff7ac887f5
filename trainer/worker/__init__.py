"""The worker process: messages in, training and prediction in slices, messages out."""
