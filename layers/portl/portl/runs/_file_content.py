"""What a file is made of, as the step that writes it tells it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from portl.errors import Place


class Content(Protocol):
    """The content of the files that one step writes, the same whenever it is asked for."""

    def records(self, start: int) -> Iterator[tuple[int, Any]]:
        """The records as they are written, from one of the list on, each with its index in the list.

        Raises:
            StepError: placed at the record.
        """
        ...

    def encoded(self, records: Iterable[Any]) -> Iterator[bytes]:
        """Their bytes, as a file of its own."""
        ...

    def address(self, part: int) -> str:
        """Where a part goes, from 1; without parts there is only the first."""
        ...

    def place(self, index: int) -> Place:
        """Where a record of the list came from."""
        ...
