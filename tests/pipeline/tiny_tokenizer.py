"""Tokenizers made on the spot: byte-level BPE of a few hundred tokens, with or without a BOS in front of a text."""

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

TRAINED_ON = [
    "Der Hund läuft durch den Wald und der Regen fällt.",
    "The dog runs through the wood.",
    "狗在雨中跑过树林",
]


def tiny_tokenizer(
    bos_in_front: bool = False, eos: str | None = "</s>", bos: str | None = "<s>"
) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer that knows every byte; `bos_in_front` puts a BOS before each text, as Llama's does."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TRAINED_ON, trainer)
    if bos_in_front:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=bos, eos_token=eos)
