"""From a language and a source of text to sequences of tokens, drawn by a seed and kept with their provenance."""

from pipeline.text.document import Document, TextError
from pipeline.text.tokens import Tokens, calibration_tokens, heldout_tokens, overlap

__all__ = ["Document", "TextError", "Tokens", "calibration_tokens", "heldout_tokens", "overlap"]
