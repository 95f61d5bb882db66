"""Horizontal bars of eighths of a terminal cell."""

_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(share: float, width: int) -> str:
    """A bar over `share` (0..1) of `width`; at least one eighth, so that the smallest can be seen."""
    eighths = max(1, round(min(1.0, max(0.0, share)) * width * 8))
    full, part = divmod(eighths, 8)
    return "█" * full + (_EIGHTHS[part] if part else "")


def shares(values: list[float]) -> list[float]:
    """Lengths that tell close values apart: the smallest gets a quarter of the largest, not of the distance to 0."""
    if not values or (low := min(values)) == (high := max(values)):
        return [1.0] * len(values)
    return [0.25 + 0.75 * (value - low) / (high - low) for value in values]
