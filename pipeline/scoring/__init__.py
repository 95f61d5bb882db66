"""Likelihoods and generations of the model in memory, and lm-eval's view of it."""
