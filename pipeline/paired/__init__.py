"""Comparing two sets of runs item by item: `python -m pipeline.paired` reads scores and writes the tests' results."""
