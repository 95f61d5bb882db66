"""Inner loops that torch has no fast operation for: each in C, compiled at first use, and in plain torch beside it."""
