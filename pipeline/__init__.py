"""The headless pipeline: calibration text -> pruned model -> numbers. The only room that knows torch."""
