"""One item of a task of our own, as it is asked."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """id: the same in every run. Either choices and the right one's index, or answers any of which is right."""

    id: str
    prompt: str
    choices: tuple[str, ...] = ()
    right: int = 0
    answers: tuple[str, ...] = ()

    def shuffled(self, seed: int) -> "Item":
        """The choices in an order that the item's id and the seed decide, so that where a right answer stands, and
        which of two tied choices counts, is chance, and the same for every run."""
        order = list(range(len(self.choices)))
        random.Random(f"{seed}/{self.id}").shuffle(order)
        choices = tuple(self.choices[place] for place in order)
        return Item(self.id, self.prompt, choices, order.index(self.right))
