"""What a step is about to do, as data. ``plan()`` makes them; an executor does them, or shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement; ``params`` are bound in order to ``$1``, ``$2`` …; ``answer`` says what is read of its rows.

    ``one``: the row as a mapping, or null, an error when there are two; ``many``: rows are streamed into the run;
    ``count``: how many rows were touched.
    """

    connection: str
    sql: str
    params: tuple[Any, ...] = ()
    answer: Literal["one", "many", "count"] = "one"
    columns: tuple[str | None, ...] = ()
    """The column each parameter goes to, for the error that names it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. ``url`` is a path under the connection's base or a whole address; ``timeout_s`` in seconds."""

    connection: str
    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    json: Any = None
    body: str | None = None
    form: dict[str, Any] | None = None
    expect: tuple[int, ...] = ()
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation of a Lambda function; ``event`` does not wait for the answer."""

    connection: str
    payload: Any
    event: bool = False


@dataclass(frozen=True, slots=True)
class ReadRecords:
    """A file read into the run as rows. ``options`` are those of ``portl.stores.read_csv``."""

    path: str
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class KeepRecords:
    """A list of records, already at hand, put into the run as rows."""

    records: list[Any]


@dataclass(frozen=True, slots=True)
class Decide:
    """No effect: the branch that a condition chose."""

    branch: Literal["then", "else"]


Intent = Statement | Request | Invocation | ReadRecords | KeepRecords | Decide
