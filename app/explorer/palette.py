"""Colour ramps that mean the same in 24-bit and in 256 colours, and the ink that can be read on them.

Each ramp is a list of entries of xterm's 256-colour cube, chosen so that lightness rises strictly, neighbours stay
apart also for protan, deutan and tritan readers (CIELAB dE76 >= 8, simulation of Machado et al. 2009), and Rich's
downgrade maps every entry to itself. They are used as exact RGB triplets, never as indices: Textual turns indices
into RGB and Rich maps them back.
"""

from dataclasses import dataclass

RGB = tuple[int, int, int]

_STEPS = (0, 95, 135, 175, 215, 255)
"""Channel values of the 6 x 6 x 6 cube."""


def cube_rgb(index: int) -> RGB:
    """The colour of xterm entry `index`, 16..255: the 6 x 6 x 6 cube, then 24 greys."""
    if index >= 232:
        grey = 8 + 10 * (index - 232)
        return grey, grey, grey
    red, rest = divmod(index - 16, 36)
    green, blue = divmod(rest, 6)
    return _STEPS[red], _STEPS[green], _STEPS[blue]


@dataclass(frozen=True)
class Palette:
    """A ramp from worse to better. A diverging one has its neutral colour in the middle."""

    name: str
    entries: tuple[int, ...]
    diverging: bool = False

    def __len__(self) -> int:
        return len(self.entries)

    def colour(self, level: int) -> RGB:
        """The colour of `level`, 0 (worst) .. len - 1 (best)."""
        return cube_rgb(self.entries[level])


VIRIDIS = Palette("viridis", (17, 53, 24, 30, 36, 78, 119, 226))
CIVIDIS = Palette("cividis", (235, 237, 60, 243, 246, 144, 185, 227))
MAGMA = Palette("magma", (16, 17, 54, 90, 125, 167, 209, 222, 229))
RDBU = Palette("rdbu", (88, 167, 173, 223, 231, 152, 74, 32, 24), diverging=True)

SEQUENTIAL = (VIRIDIS, CIVIDIS, MAGMA)
PALETTES = (*SEQUENTIAL, RDBU)

SHADES = "░▒▓█"
"""Worse to better where there are no colours to tell levels apart."""

BLACK: RGB = (0, 0, 0)
WHITE: RGB = (255, 255, 255)


def luminance(color: RGB) -> float:
    """Relative luminance of WCAG 2, 0..1."""
    linear = [c / 12.92 if (c := channel / 255) <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for channel in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: RGB, other: RGB) -> float:
    """Contrast ratio of WCAG 2, 1..21. Text wants 4.5."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def ink(background: RGB) -> RGB:
    """Black or white, whichever reads better on `background`."""
    return max((BLACK, WHITE), key=lambda color: contrast(color, background))


def level(share: float, n_levels: int) -> int:
    """The level of `share`, 0 (worst) .. 1 (best)."""
    return min(n_levels - 1, max(0, int(share * n_levels)))
