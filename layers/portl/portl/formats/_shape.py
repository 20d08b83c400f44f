"""Records as rows of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from portl.errors import MappingError
from portl.values import shortened

SHOWN = 80


def shaped(record: Any, columns: Sequence[str], *, told: bool) -> dict[str, Any]:
    """A record's values for the columns, null where it has none.

    Args:
        record: a mapping.
        columns: their names.
        told: whether the job names them; if not, they are those of the first record, and no other may come later.

    Raises:
        MappingError: M107, it is no record of these columns.
    """
    if not isinstance(record, Mapping):
        text = f"a record is a mapping, and this is {shortened(repr(record), SHOWN)}"
        raise MappingError(text, code="M107", hint='make one under columns, as {value: "{{ row }}"}')
    more = [] if told else [name for name in record if name not in columns]
    if more:
        text = f"the record has {more[0]}, and the first one has only {', '.join(map(str, columns))}"
        raise MappingError(text, code="M107", hint="name all columns under columns")
    return {name: record.get(name) for name in columns}
