"""Ramps: readable, told apart by everybody, the same in 24 bits and in 256 colours."""

import itertools
import math

import pytest
from rich.color import Color, ColorSystem

from app.explorer.palette import PALETTES, RGB, Palette, contrast, ink, level, luminance

# Machado, Oliveira, Fernandes 2009, severity 1.0
VISION = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}

palettes = pytest.mark.parametrize("palette", PALETTES, ids=lambda palette: palette.name)


def colours(palette: Palette) -> list[RGB]:
    return [palette.colour(n) for n in range(len(palette))]


def lab(colour: RGB, vision: str = "normal") -> tuple[float, ...]:
    """CIELAB (D65) of what a reader with this vision sees."""
    linear = [c / 12.92 if (c := channel / 255) <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for channel in colour]
    seen = [min(1.0, max(0.0, sum(m * c for m, c in zip(row, linear, strict=True)))) for row in VISION[vision]]
    to_xyz = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    white = (0.95047, 1.0, 1.08883)
    xyz = [sum(m * c for m, c in zip(row, seen, strict=True)) / w for row, w in zip(to_xyz, white, strict=True)]
    x, y, z = (c ** (1 / 3) if c > 0.008856 else 7.787 * c + 16 / 116 for c in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@palettes
def test_the_ink_can_be_read_on_every_level(palette: Palette) -> None:
    assert min(contrast(ink(colour), colour) for colour in colours(palette)) >= 4.5


@palettes
@pytest.mark.parametrize("vision", VISION)
def test_neighbours_are_told_apart_by_every_reader(palette: Palette, vision: str) -> None:
    steps = itertools.pairwise(lab(colour, vision) for colour in colours(palette))
    assert min(math.dist(one, other) for one, other in steps) >= 8


@palettes
def test_256_colours_show_the_same_as_24_bits(palette: Palette) -> None:
    indices = [Color.from_rgb(*colour).downgrade(ColorSystem.EIGHT_BIT).number for colour in colours(palette)]
    assert indices == list(palette.entries)


@palettes
def test_better_is_brighter(palette: Palette) -> None:
    lightness = [luminance(colour) for colour in colours(palette)]
    half = len(lightness) // 2
    if palette.diverging:
        assert lightness[: half + 1] == sorted(lightness[: half + 1])
        assert lightness[half:] == sorted(lightness[half:], reverse=True)
    else:
        assert lightness == sorted(set(lightness))


def test_a_share_finds_its_level() -> None:
    assert [level(share, 8) for share in (-1.0, 0.0, 0.124, 0.126, 0.5, 0.99, 1.0, 2.0)] == [0, 0, 0, 1, 4, 7, 7, 7]
