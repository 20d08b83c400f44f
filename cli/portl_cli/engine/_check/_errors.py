"""S5: the error names of Retry and Catch. https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portl_cli.engine._check._finding import Finding, inside
from portl_cli.engine._failure import ALL, RESERVED_ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portl_cli.engine._check._outline import RegionView, StateView
    from portl_cli.engine._data import Json


def check_errors(machine: RegionView) -> Iterator[Finding]:
    for state in machine.all_states():
        for field in ("Retry", "Catch"):
            yield from _check_entries(state, field)


def _check_entries(state: StateView, field: str) -> Iterator[Finding]:
    entries = list(state.entries(field))
    for at, (path, entry) in enumerate(entries):
        names = _names(entry.get("ErrorEquals"))
        place = inside(path, "ErrorEquals")
        if ALL in names and len(names) > 1:
            yield Finding("S501", place, "States.ALL stands alone: it takes every other name with it")
        if ALL in names and at < len(entries) - 1:
            yield Finding("S502", place, f"States.ALL stands in the last entry of {field}: nothing behind it is ever looked at")
        for name in names:
            if name.startswith("States.") and name not in RESERVED_ERRORS:
                yield Finding("S503", place, f"there is no error {name}", "names with States. are AWS's own")


def _names(value: Json) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []
