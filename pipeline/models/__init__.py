"""From the name of a model in a grid file to the model in memory, fetched, checked and converted where needed."""

from pipeline.models.error import ModelError
from pipeline.models.load import Loaded, load, load_weights, locate

__all__ = ["Loaded", "ModelError", "load", "load_weights", "locate"]
