"""Wanda on the statistics of the dense model: an estimate of Wanda's masks, not the sequential result.

Wanda takes a block's statistics from what the pruned blocks before it hand on. Those of the dense model do not depend
on what is removed elsewhere: they are taken once for a language, add up over languages, and give any mix, sparsity
and pattern at once (pipeline/preview.py). The arithmetic is Wanda's.
"""

from pipeline.methods.wanda import Statistics, prune

__all__ = ["Statistics", "prune"]
