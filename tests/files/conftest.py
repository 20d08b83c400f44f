from __future__ import annotations

from collections.abc import Iterator

import pytest

from files.support import World


@pytest.fixture(autouse=True)
def closed_worlds() -> Iterator[None]:
    """What a test's worlds have opened is closed with it."""
    yield
    while World.made:
        World.made.pop().close()
