"""What a grid would take, said without doing it: `python -m pipeline GRID --dry-run`."""
