"""What a person touches: the `calib-explorer` command and the terminal explorer. Never reaches torch."""
