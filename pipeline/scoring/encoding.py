"""From prompts and choices to tokens, by the rules of lm-eval's HFLM, so that scores are the same.

A prompt's trailing blanks belong to the continuation; the continuation's tokens are those of prompt + continuation
behind the prompt's own. A text that begins with the BOS token already (chat templates write it) gets no second one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from transformers import PreTrainedTokenizerBase

from pipeline.scoring.request import Request


@dataclass
class Encoder:
    """A tokenizer that remembers the prompts it has seen: choices of a question share one."""

    tokenizer: PreTrainedTokenizerBase
    _prompts: dict[str, list[int]] = field(default_factory=dict)

    @cached_property
    def prefix(self) -> int:
        """The token in front of a continuation that has no prompt."""
        bos, eos = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        token = eos if bos is None else bos
        if not isinstance(token, int):
            raise ValueError("the tokenizer has neither BOS nor EOS: what has no prompt has no likelihood")
        return token

    @cached_property
    def _bos(self) -> str:
        tokens = (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id)
        token = next((token for token in tokens if isinstance(token, int)), None)
        return "" if token is None else str(self.tokenizer.decode(token))

    def text(self, text: str) -> list[int]:
        """Tokens of a text as the model is to read it."""
        marked = bool(self._bos) and text.startswith(self._bos)
        tokens: list[int] = (
            self.tokenizer.encode(text, add_special_tokens=False) if marked else self.tokenizer.encode(text)
        )
        return tokens

    def pair(self, prompt: str, continuation: str) -> Request:
        """One request. A continuation that the tokenizer melts into the prompt's last token is encoded by itself."""
        if not prompt:
            tokens = self.tokenizer.encode(continuation, add_special_tokens=False)
            if tokens and tokens[0] == self.prefix:
                return Request(tuple(tokens[:1]), tuple(tokens[1:]))
            return Request((self.prefix,), tuple(tokens))
        stripped = prompt.rstrip()
        whole = self.text(prompt + continuation)
        before = self._prompt(stripped)
        tokens = whole[len(before) :] or self.tokenizer.encode(
            prompt[len(stripped) :] + continuation, add_special_tokens=False
        )
        return Request(tuple(before), tuple(tokens))

    def pairs(self, pairs: Sequence[tuple[str, str]]) -> list[Request]:
        """Requests in order."""
        return [self.pair(prompt, continuation) for prompt, continuation in pairs]

    def _prompt(self, text: str) -> list[int]:
        if text not in self._prompts:
            self._prompts.clear()  # questions come one after the other
            self._prompts[text] = self.text(text)
        return self._prompts[text]
