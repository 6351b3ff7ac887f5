"""The grid of networks on sparse labels of a data set."""
