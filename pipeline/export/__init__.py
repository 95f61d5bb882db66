"""The model of a finished run as a folder that transformers loads: `python -m pipeline.export RUN DIR`."""
