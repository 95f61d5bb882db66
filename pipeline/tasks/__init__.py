"""Downstream tasks: where their items come from, how they are answered and scored."""
