"""Whether a model can be handed a text."""

from jaxtyping import Int
from torch import Tensor
from transformers import PreTrainedModel


def check_tokens(model: PreTrainedModel, tokens: Int[Tensor, "sequences length"]) -> None:
    """Raise ValueError for no tokens, foreign ones, too long sequences, and for a model that would drop out."""
    if model.training:
        raise ValueError(f"{type(model).__name__} is in training mode (dropout); call model.eval() first")
    if tokens.numel() == 0:
        raise ValueError(f"no tokens: {len(tokens)} sequences of {tokens.shape[1]}")
    text = model.config.get_text_config()
    low, high, size = int(tokens.min()), int(tokens.max()), text.vocab_size
    if low < 0 or high >= size:
        wrong = low if low < 0 else high
        raise ValueError(f"token {wrong} is not in the model's vocabulary of {size}; is it another tokenizer's?")
    context = getattr(text, "max_position_embeddings", None)
    if context is not None and tokens.shape[1] > context:
        raise ValueError(f"sequences of {tokens.shape[1]} tokens are longer than the model's context of {context}")
