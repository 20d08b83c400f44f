"""What two runs of a job leave behind, compared: rows of every table, distinct requests that the peer received, and files."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from portl_cli.prove._database import Table
from portl_cli.prove._stage import State

KEY = "idempotency-key"
SHOWN = 80
CONTENT = "content"
"""What of a file may be left out."""
_NONE = object()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A column of a table, a part of a request, or a file's content, that differs between two undisturbed runs, with both."""

    where: str
    name: str
    one: str
    other: str

    def __str__(self) -> str:
        return f"{self.where} {self.name}: {self.one} in one undisturbed run, {self.other} in another"


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as the undisturbed run left it. ``where`` is a table with its row, or a request."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def left_out(one: State, other: State) -> tuple[LeftOut, ...]:
    """What two undisturbed runs do not agree on, as far as columns, parts of requests and contents of files go."""
    found: dict[tuple[str, str], LeftOut] = {}
    for each in (*_columns(one, other), *_parts(one, other), *_contents(one, other)):
        found.setdefault((each.where, each.name), each)
    return tuple(found.values())


def _columns(one: State, other: State) -> Iterator[LeftOut]:
    """A column is left out when its values, whatever their order, differ."""
    for name in one.tables.keys() & other.tables.keys():
        ours, theirs = one.tables[name].rows, other.tables[name].rows
        if len(ours) != len(theirs):
            continue
        for column in ours[0] if ours else ():
            pairs = zip(*(sorted(_text(row.get(column)) for row in rows) for rows in (ours, theirs)), strict=True)
            for here, there in pairs:
                if here != there:
                    yield LeftOut(name, column, _short(here), _short(there))
                    break


def _contents(one: State, other: State) -> Iterator[LeftOut]:
    for name in sorted(one.files.keys() & other.files.keys()):
        if one.files[name] != other.files[name]:
            yield LeftOut(name, CONTENT, _short(one.files[name]), _short(other.files[name]))


def _parts(one: State, other: State) -> Iterator[LeftOut]:
    ours, theirs = (_by_key(distinct(state.calls)) for state in (one, other))
    if ours.keys() != theirs.keys():
        ours, theirs = (_by_content(distinct(state.calls)) for state in (one, other))
    if any(len(ours[key]) != len(theirs[key]) for key in ours):
        return  # one run sent more: no part of a request is to blame for that
    for key in ours.keys() & theirs.keys():
        for here, there in zip(ours[key], theirs[key], strict=False):
            for name in _differing(here, there):
                where = _address(here) if here["url"] == there["url"] else here["method"]
                yield LeftOut(where, name, _short(_text(_at(here, name))), _short(_text(_at(there, name))))


def distinct(calls: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The requests, each once: ``{method, url, key, body}``."""
    made = ({"method": call["method"], "url": call["path"], "key": _key(call), "body": call["body"]} for call in calls)
    return [json.loads(text) for text in dict.fromkeys(map(_text, made))]


def _key(call: Mapping[str, Any]) -> Any:
    return call["headers"].get(KEY)


def _by_key(requests: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found = defaultdict(list)
    for request in requests:
        found[_text(request["key"])].append(request)
    return found


def _by_content(requests: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """In the order of what they hold, for want of keys that both runs have."""
    return {"": sorted(requests, key=lambda each: _text([each["method"], each["url"], each["body"]]))}


def differences(wanted: State, found: State, apart: Sequence[LeftOut]) -> list[Difference]:
    """How a state differs from that of the undisturbed run, but for what is left out. Empty: not at all."""
    ignored = {(each.where, each.name) for each in apart}
    tables = (
        difference
        for name in sorted(wanted.tables.keys() | found.tables.keys())
        for difference in _rows(name, wanted.tables.get(name), found.tables.get(name), {n for w, n in ignored if w == name})
    )
    return [*tables, *_requests(wanted, found, ignored), *repeated(found.calls), *_files(wanted, found, ignored)]


def _files(wanted: State, found: State, ignored: set[tuple[str, str]]) -> Iterator[Difference]:
    for name in sorted(wanted.files.keys() | found.files.keys()):
        if name not in found.files:
            yield Difference(name, "the file is missing")
        elif name not in wanted.files:
            yield Difference(name, "the file is there and should not be")
        elif (name, CONTENT) not in ignored and wanted.files[name] != found.files[name]:
            yield Difference(name, "its content is another")


def _rows(name: str, wanted: Table | None, found: Table | None, ignored: set[str]) -> Iterator[Difference]:
    if wanted is None or found is None:
        yield Difference(name, "the table is missing" if found is None else "the table is there and should not be")
        return
    ours, theirs = (_shared(table, ignored) for table in (wanted, found))
    missing, extra = list((ours - theirs).elements()), list((theirs - ours).elements())
    key = [column for column in wanted.key if column not in ignored]
    for mine, other in _paired(missing, extra, key):
        if mine is None:
            yield Difference(f"{name} {_row_name(other, key)}", f"a row too many: {_short(_text(other))}")
        elif other is None:
            yield Difference(f"{name} {_row_name(mine, key)}", f"the row is missing: {_short(_text(mine))}")
        else:
            for column in _differing(mine, other):
                told = f"{_short(_text(_at(other, column)))} instead of {_short(_text(_at(mine, column)))}"
                yield Difference(f"{name} {_row_name(mine, key)}", f"{column} is {told}")


def _shared(table: Table, ignored: set[str]) -> Counter[str]:
    return Counter(_text({name: value for name, value in row.items() if name not in ignored}) for row in table.rows)


def _paired(missing: Sequence[str], extra: Sequence[str], key: Sequence[str]) -> Iterator[tuple[Any, Any]]:
    """What is missing and what is too many, side by side where the key is the same; None where one side has nothing."""
    ours, theirs = ([json.loads(text) for text in sorted(texts)] for texts in (missing, extra))
    if not key:
        yield from ((row, None) for row in ours)
        yield from ((None, row) for row in theirs)
        return
    by_key: dict[str, tuple[list[Any], list[Any]]] = defaultdict(lambda: ([], []))
    for side, rows in enumerate((ours, theirs)):
        for row in rows:
            by_key[_text([row.get(column) for column in key])][side].append(row)
    for mine, other in by_key.values():
        yield from zip_longest(mine, other)


def _row_name(row: Mapping[str, Any], key: Sequence[str]) -> str:
    return ", ".join(f"{column} {row.get(column)}" for column in key) or "(no key)"


def _requests(wanted: State, found: State, ignored: set[tuple[str, str]]) -> Iterator[Difference]:
    ours, theirs = (_counted(distinct(state.calls), ignored) for state in (wanted, found))
    by_key: dict[str, tuple[list[Any], list[Any]]] = defaultdict(lambda: ([], []))
    for side, texts in enumerate((ours - theirs, theirs - ours)):
        for request in map(json.loads, sorted(texts.elements())):
            by_key[_text([request["method"], request["key"]])][side].append(request)
    for mine, other in by_key.values():
        for here, there in zip_longest(mine, other):
            if here is None:
                yield Difference(_address(there), f"sent, and should not be: {_short(_text(there['body']))}")
            elif there is None:
                yield Difference(_address(here), f"never sent: {_short(_text(here['body']))}")
            else:
                for name in _differing(here, there):
                    told = f"{_short(_text(_at(there, name)))} instead of {_short(_text(_at(here, name)))}"
                    yield Difference(_address(here), f"{name} is {told}")


def _counted(requests: Iterable[dict[str, Any]], ignored: set[tuple[str, str]]) -> Counter[str]:
    """The requests but for what is left out. One key stands for one request: whether it was the same is told elsewhere."""
    found: Counter[str] = Counter()
    for request in requests:
        kept = _without(request, ignored)
        text = _text(kept)
        found[text] = 1 if kept["key"] is not None else found[text] + 1
    return found


def _without(request: dict[str, Any], ignored: set[tuple[str, str]]) -> dict[str, Any]:
    names = {name for where, name in ignored if where in (_address(request), request["method"])}
    return {"method": None, "url": None, "key": None, "body": None, **_pruned(request, names)} if names else request


def _pruned(value: Any, names: set[str], at: str = "") -> Any:
    """A JSON value without the leaves of these paths."""
    if isinstance(value, dict):
        parts = {key: (f"{at}.{key}" if at else str(key), item) for key, item in value.items()}
        return {key: _pruned(item, names, path) for key, (path, item) in parts.items() if path not in names}
    if isinstance(value, list):
        parts_of = [(f"{at}[{number}]", item) for number, item in enumerate(value)]
        return [_pruned(item, names, path) for path, item in parts_of if path not in names]
    return value


def repeated(calls: Iterable[Mapping[str, Any]]) -> Iterator[Difference]:
    """Requests sent again under their key that were not the same: a server would refuse them, or take the wrong one."""
    by_key: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for call in calls:
        if _key(call) is not None:
            by_key[_key(call)].append(
                {"method": call["method"], "url": call["path"], "headers": call["headers"], "body": call["body"]}
            )
    for sent in by_key.values():
        for again in sent[1:]:
            for name in _differing(sent[0], again):
                told = f"{_short(_text(_at(again, name)))} after {_short(_text(_at(sent[0], name)))}"
                yield Difference(_address(sent[0]), f"sent again under its key with another {name}: {told}")


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    ours, theirs = _flat(one), _flat(other)
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name, _NONE) != theirs.get(name, _NONE))


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """The leaves of a JSON value by their path, such as ``body.items[0].id``."""
    if isinstance(value, dict) and value:
        parts = ((f"{name}.{key}" if name else str(key), item) for key, item in value.items())
    elif isinstance(value, list) and value:
        parts = ((f"{name}[{at}]", item) for at, item in enumerate(value))
    else:
        return {name: value}
    return {path: leaf for part, item in parts for path, leaf in _flat(item, part).items()}


def _at(request: Mapping[str, Any], name: str) -> Any:
    return _flat(request).get(name)


def _address(request: Mapping[str, Any]) -> str:
    return f"{request['method']} {request['url']}"


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
