"""The live learner: it trains on the labels there are, takes in new ones, and never starts over."""
