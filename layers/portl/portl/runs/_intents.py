"""What a step is about to do, as data. ``plan()`` makes them; an executor does them, or shows them.

While a plan is made, a value inside an intent may be an ``Unknown``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from portl.connections import Outgoing
from portl.jobs import Retry
from portl.runs._file_content import Content
from portl.runs._file_intents import FileIntent, Pin
from portl.stores import Put
from portl.values import Unknown


@dataclass(frozen=True, slots=True)
class CallKey:
    """Among the ``params`` of a Statement: the idempotency key of its step and record, which only the run can tell."""


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
    url: str | Unknown
    headers: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    json: Any = None
    body: str | Unknown | None = None
    form: dict[str, Any] | None = None
    expect: tuple[int, ...] = ()
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Pages:
    """Requests one after the other, each as the answer to the one before says; the items of all answers become rows.

    ``following`` answers ``{url}`` or ``{query, json}`` of the next page, None behind the last one; it is given an answer
    (``{status, headers, links, json | text}``) and the page's number, from 1. ``items`` gives the records of an answer. Both
    raise StepError. ``says`` is what the job writes: two Pages that say and ask the same come to the same.
    """

    first: Request
    says: dict[str, Any]
    most: int
    hosts: tuple[str, ...] = ()
    """Besides the first request's, the hosts that a page may lead to: ``host`` or ``host:port``."""
    following: Callable[[dict[str, Any], int], dict[str, Any] | None] = field(compare=False, default=lambda _, __: None)
    items: Callable[[dict[str, Any], int], list[Any]] = field(compare=False, default=lambda _, __: [])
    retry: Retry | None = field(compare=False, default=None)


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation of a Lambda function; ``event`` does not wait for the answer."""

    connection: str
    payload: Any
    event: bool = False


@dataclass(frozen=True, slots=True)
class ReadRecords:
    """Files read into the run as rows: that of an address, those of a pattern, or those of several addresses.

    ``options`` are those of ``portl.stores.read_csv`` and the fields of the step that ``CsvFiles`` knows. With a ``pin`` the
    address is one file's.
    """

    path: str | tuple[str, ...] | Unknown
    options: dict[str, Any]
    pin: Pin | None = None


@dataclass(frozen=True, slots=True)
class KeepRecords:
    """A list of records, already at hand, put into the run as rows."""

    records: list[Any] | Unknown


@dataclass(frozen=True, slots=True)
class WriteFile:
    """A list of records becomes a file, or several of at most ``parts`` records each and a manifest of them.

    ``first`` are the first records as they are written, ``path`` is the file, or the first one. ``content`` makes the bytes.
    """

    path: str | Unknown
    format: str
    columns: tuple[str, ...] | Unknown | None
    count: int | Unknown
    first: tuple[Any, ...] | Unknown
    compression: str
    overwrite: Put
    content_type: str
    parts: int | None
    manifest: str | Unknown | None
    content: Content = field(compare=False)


@dataclass(frozen=True, slots=True)
class Decide:
    """No effect: the branch that a condition chose."""

    branch: Literal["then", "else"] | Unknown


@dataclass(frozen=True, slots=True)
class Again:
    """What holds for a unit that may have been done before, in a run that goes on from an earlier one.

    ``changed``: it was done there on something else; ``repeatable``: done once more it leaves nothing twice.
    """

    changed: bool
    repeatable: bool


@dataclass(frozen=True, slots=True)
class Begin:
    """A transaction begins, and takes the tables' advisory locks in name order; ``unit`` names it."""

    connection: str
    unit: str
    locks: tuple[str, ...] = ()
    chunk: int | None = None
    work: str | None = None
    """The hash of what the unit is done on; None when it writes nothing and need not be remembered."""
    calls: bool = False
    """Whether an API or a function is called while it is open, for which the server has to wait."""
    again: Again | None = None
    records: tuple[int, int] | None = None
    """The first and the last index of its records, which replays may have done one by one."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A record's values are put into the stage of a step, for a later ``Merge``."""

    connection: str
    table: str
    columns: tuple[str, ...]
    params: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Merge:
    """What is staged for a step becomes rows of its table. ``sql`` says ``portl_stage_<run>`` for the stage's name."""

    connection: str
    table: str
    sql: str


@dataclass(frozen=True, slots=True)
class Commit:
    """The transaction of a unit commits."""

    connection: str
    unit: str


@dataclass(frozen=True, slots=True)
class SetAside:
    """A record failed for good at a step that says ``dead_letter``: its letter is kept, and the others go on."""

    code: str
    message: str


PlainIntent = Statement | Request | Pages | Invocation | ReadRecords | KeepRecords | Decide
Intent = PlainIntent | FileIntent | WriteFile
Noted = Intent | Begin | Stage | Merge | Commit | SetAside


def with_key(intent: Statement, key: Callable[[], str | Unknown]) -> Statement:
    """The statement with the idempotency key where a ``CallKey`` stands."""
    if CallKey() not in intent.params:
        return intent
    return replace(intent, params=tuple(key() if isinstance(value, CallKey) else value for value in intent.params))


def document(intent: Noted, *, step: str, record: int | None, outgoing: Outgoing | None = None) -> dict[str, Any]:
    """An intent as JSON (an ``Unknown`` stays one): ``{step, record, kind, …}``, the same in a plan and in a run's record.

    ``outgoing`` is the request in full, for a Request and the first of Pages.
    ``record`` is the index in the batch, from 0, null outside one.
    """
    if isinstance(intent, Request | Pages):
        sent = {name: getattr(outgoing, name) for name in _SENT}
        first = intent.first if isinstance(intent, Pages) else intent
        fields = {"connection": first.connection, **{name: value for name, value in sent.items() if value is not None}}
        pages = {"pages": intent.says} if isinstance(intent, Pages) else {}
        return {"step": step, "record": record, "kind": "pages" if pages else "request", **fields, **pages}
    if isinstance(intent, FileIntent):
        kind, fields = intent.told()
        return {"step": step, "record": record, "kind": kind, **fields}
    if isinstance(intent, ReadRecords):
        pinned = intent.pin.told() if intent.pin else {}
        return {"step": step, "record": record, "kind": "read", "path": intent.path, **pinned}
    kind, names = _FORMS[type(intent)]
    return {"step": step, "record": record, "kind": kind, **{name: getattr(intent, name) for name in names}}


_FORMS: dict[type[Noted], tuple[str, tuple[str, ...]]] = {
    Statement: ("statement", ("connection", "sql", "params", "columns")),
    Invocation: ("invocation", ("connection", "event", "payload")),
    KeepRecords: ("keep", ()),
    WriteFile: ("write", ("path", "format", "columns", "count", "first", "compression", "overwrite", "parts", "manifest")),
    Decide: ("decide", ("branch",)),
    Begin: ("begin", ("connection", "locks")),
    Stage: ("stage", ("connection", "table", "columns", "params")),
    Merge: ("merge", ("connection", "table", "sql")),
    Commit: ("commit", ("connection",)),
    SetAside: ("dead_letter", ("code", "message")),
}
"""What a kind of intent is called in a document, and which of its fields stand there."""
_SENT = ("method", "url", "query", "headers", "json", "body", "form")
