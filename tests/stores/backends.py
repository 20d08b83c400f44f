"""The stores that the contract is held to, by name. A driver of one's own joins with a line here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from portl.stores import Driver, LocalDriver, MemoryDriver

BACKENDS: dict[str, Callable[[Path], Driver]] = {
    "local": lambda folder: LocalDriver(folder / "store"),
    "memory": lambda _: MemoryDriver(),
}
