"""What the palette of commands offers: every key, every metric of the slice, every slice."""

from app.explorer.bindings import MATRIX_KEYS, MOVE
from app.explorer.chooser import Choice
from app.explorer.navigation import with_metric, with_slice
from app.explorer.numerals import quantity_name
from app.explorer.shown import Shown
from store.view import View


def choices(shown: Shown) -> list[Choice]:
    """Values are "metric N", "slice N" (places in `shown`) and "key ACTION"."""
    metrics = [Choice(quantity_name(*pair), f"metric {n}", "metric") for n, pair in enumerate(shown.pairs)]
    slices = [
        Choice(f"{slice_.model} {slice_.label}", f"slice {n}", f"slice {slice_.setting}".rstrip())
        for n, slice_ in enumerate(shown.slices)
    ]
    keys = [
        Choice(key.help, f"key {key.action}", key.shown)
        for key in MATRIX_KEYS
        if key.group != MOVE and key.id != "commands"
    ]
    return [*metrics, *slices, *keys]


def view_of(choice: str, shown: Shown) -> View | None:
    """The view that a choice leads to; None for a key."""
    kind, _, place = choice.partition(" ")
    if kind == "metric":
        return with_metric(shown.view, *shown.pairs[int(place)])
    return with_slice(shown.view, shown.slices[int(place)]) if kind == "slice" else None
