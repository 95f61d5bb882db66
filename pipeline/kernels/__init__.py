"""Inner loops that torch has no fast operation for: in C, compiled at first use, with plain torch beside it."""
