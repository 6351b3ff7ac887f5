"""How the weights are made that the live learner starts from."""
