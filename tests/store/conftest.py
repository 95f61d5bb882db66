"""Fixtures of the store's tests."""

from pathlib import Path

import pytest
from sample import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place with a store without results."""
    return Place(tmp_path).beside("here")


@pytest.fixture
def bare(tmp_path: Path) -> Place:
    """A place with nothing in it."""
    return Place(tmp_path)
