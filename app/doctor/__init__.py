"""`calib-explorer doctor`: what this machine, its terminal and the store are like, and what to do about it."""
