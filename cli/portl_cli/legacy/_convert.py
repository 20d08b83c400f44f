"""The older form becomes steps: what each of its parts is there, and where that came from."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from portl.connections import quote_identifier
from portl_cli.legacy._hooks import hook_steps
from portl_cli.legacy._models import CsvSide, MysqlSide, OldForm, PostgresSide, SheetsSide
from portl_cli.legacy._operations import as_transform
from portl_cli.legacy._unequal import Unequal, Way

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MARK = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)")
_SECRET = re.compile(r"\$\{secret:[^}]+\}")
_OVERWRITE = {"overwrite": "replace", "fail": "fail"}


@dataclass(slots=True)
class Converted:
    """A job in the steps form. ``came`` leads from a place in it to that in the older one; ``secrets`` are what it held."""

    document: dict[str, Any] = field(default_factory=dict)
    came: dict[Way, Way] = field(default_factory=dict)
    notes: list[tuple[Way, str]] = field(default_factory=list)
    unequal: list[Unequal] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)

    def origin(self, path: Way) -> Way:
        """Where in the older job a place in the new one comes from: the nearest that is known."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.came:
                return self.came[path[:end]]
        return ()


def convert(old: OldForm, name: str, sides: Mapping[str, Any], keys: Sequence[str], folder: Path) -> Converted:
    """The steps of an older job. ``sides`` are its source and destination by these names, ``keys`` those told from outside."""
    return _Conversion(old, sides, keys, folder).converted(name)


class _Conversion:
    def __init__(self, old: OldForm, sides: Mapping[str, Any], keys: Sequence[str], folder: Path) -> None:
        self._old, self._source, self._target = old, sides["source"], sides["destination"]
        self._keys, self._folder = list(keys), folder
        self._made = Converted()
        self._steps: list[dict[str, Any]] = []

    def converted(self, name: str) -> Converted:
        made, old = self._made, self._old
        for side, given in (("source", self._source), ("destination", self._target)):
            self._refuse(side, given)
        if made.unequal:
            return made
        connections = {
            side: self._connection(side, given)
            for side, given in (("source", self._source), ("destination", self._target))
            if isinstance(given, PostgresSide)
        }
        before, after, more = hook_steps(old.hooks.model_dump(), [*connections], made.unequal)
        self._steps += self._told(before)
        self._add(self._read(), ("source",))
        self._add(self._write(), ("destination",))
        self._steps += self._told(after)
        if old.parallel_jobs is not None and old.parallel_jobs > 1 and isinstance(self._target, PostgresSide):
            self._note(("parallel_jobs",), "chunks under way together: of records with the same key any may be the last")
        head = {"version": 2, "job": name, **({"description": old.description} if old.description else {})}
        all_connections = {**connections, **more}
        made.document = {**head, **({"connections": all_connections} if all_connections else {}), "steps": self._steps}
        for side in connections:
            made.came["connections", side] = (side,)
        return made

    def _refuse(self, side: str, given: Any) -> None:
        if isinstance(given, SheetsSide):
            hint = "export the sheet as CSV and read that, or read it by an api.call of Google's API"
            self._unequal((side, "type"), "J401", "Google Sheets is not in this version", hint)
        elif isinstance(given, MysqlSide):
            hint = "move the data to PostgreSQL, or export it as CSV and read that"
            self._unequal((side, "type"), "J401", "MySQL is not in this version", hint)

    def _unequal(self, path: Way, code: str, message: str, hint: str, *, part: bool = False) -> None:
        self._made.unequal.append(Unequal(path, code, message, hint, part))

    def _note(self, path: Way, text: str) -> None:
        self._made.notes.append((path, text))

    def _told(self, found: Sequence[tuple[dict[str, Any], Way]]) -> list[dict[str, Any]]:
        for at, (_, came) in enumerate(found, len(self._steps)):
            self._made.came["steps", at] = came
        return [step for step, _ in found]

    def _add(self, step: dict[str, Any], came: Way) -> None:
        at: Way = ("steps", len(self._steps))
        self._made.came[at] = came
        for name in ("path", "table", "sql", "key"):
            if name in step:
                self._made.came[*at, name] = (*came, "query" if name == "sql" and self._source_query() else name)
        for column in {**step.get("mapping", {}), **_mapped(step.get("columns"))}:
            self._made.came[*at, "mapping" if "mapping" in step else "columns", column] = self._came_of(column)
        self._steps.append(step)

    def _source_query(self) -> bool:
        return isinstance(self._source, PostgresSide) and self._source.query is not None

    def _came_of(self, column: str) -> Way:
        found = next((name for name, to in self._old.schema_mapping.items() if to == column), None)
        return ("destination",) if found is None else ("schema_mapping", found)

    def _connection(self, side: str, given: PostgresSide) -> dict[str, Any]:
        user, host = self._marked(given.username), self._marked(given.host)
        address = f"{host}:{self._marked(str(given.port))}/{self._marked(given.database)}"
        password = self._password(side, given.password)
        if not given.host.startswith(("127.", "localhost", "::1", "$")):
            self._note((side, "host"), "off loopback the server's certificate is verified; sslmode says otherwise")
        return {"type": "postgres", "url": f"postgresql://{user}{password}@{address}"}

    def _password(self, side: str, password: str | int | None) -> str:
        """The password's mark. One that stood there in clear becomes a secret, which the environment is to give."""
        if password is None or password == "":
            return ""
        text = str(password)
        if _MARK.fullmatch(text) or _SECRET.fullmatch(text):
            return f":{self._marked(text)}"
        name = f"{side}/password"
        self._made.secrets[name] = quote(text, safe="")
        self._note((side, "password"), f"stands in clear: it is ${{secret:{name}}} now, percent-encoded where it has to be")
        return f":${{secret:{name}}}"

    def _marked(self, text: str) -> str:
        """Text of an address: what names a variable stays a mark, the rest is encoded as addresses are."""
        if _SECRET.fullmatch(text):
            return text
        parts, at = [], 0
        for found in _MARK.finditer(text):
            parts += [quote(text[at : found.start()], safe=":"), f"${{env:{found[1] or found[2]}}}"]
            at = found.end()
        return "".join([*parts, quote(text[at:], safe="" if at or parts else ".:")])

    def _read(self) -> dict[str, Any]:
        if isinstance(self._source, CsvSide):
            dialect = {"dialect": {"delimiter": self._source.delimiter}} if self._source.delimiter else {}
            encoding = {"encoding": self._source.encoding} if self._source.encoding else {}
            return {"id": "read", "type": "csv.read", "path": self._source.path, **dialect, **encoding}
        given: PostgresSide = self._source
        if (given.table is None) == (given.query is None):
            self._unequal(("source",), "J003", "a source has either table or query", "name the table to read")
        sql = given.query if given.query is not None else f"SELECT * FROM {quote_identifier(str(given.table))}"  # noqa: S608
        return {"id": "read", "type": "db.query_many", "connection": "source", "sql": sql.strip().removesuffix(";")}

    def _write(self) -> dict[str, Any]:
        return self._file() if isinstance(self._target, CsvSide) else self._rows(self._target)

    def _file(self) -> dict[str, Any]:
        given: CsvSide = self._target
        conflict = self._old.conflict
        if conflict == "skip":
            hint = "overwrite replaces a file that is there, fail leaves it"
            self._unequal(("conflict",), "J401", "conflict: skip has no equal for a file", hint)
        if conflict is None:
            self._note(
                ("destination",), "a file that is there with another content is left, and the run fails; overwrite: replace"
            )
        columns = {"columns": self._mapping()} if self._old.schema_mapping or self._old.transformations else {}
        dialect = {"dialect": {"delimiter": given.delimiter}} if given.delimiter else {}
        if given.encoding and given.encoding.lower().replace("-", "") != "utf8":
            self._unequal(
                ("destination", "encoding"), "J401", "files are written in UTF-8 in this version", "leave encoding out"
            )
        for name in ("batch_size", "parallel_jobs"):
            if getattr(self._old, name) is not None:
                self._note((name,), "has no effect on a file: it is written in one piece")
        step = {"id": "write", "type": "file.write", "path": given.path, "rows": "{{ steps.read.rows }}", "format": "csv"}
        return {**step, **dialect, "overwrite": _OVERWRITE.get(str(conflict), "fail"), **columns}

    def _rows(self, given: PostgresSide) -> dict[str, Any]:
        old, key = self._old, self._keys or _listed(given.key)
        if given.table is None or given.query is not None:
            self._unequal(("destination",), "J003", 'the field "table" is missing', "a destination is a table")
        batch: dict[str, Any] = {"from": "{{ steps.read.rows }}", "as": "row"}
        batch |= {"size": old.batch_size} if old.batch_size else {}
        batch |= {"concurrency": old.parallel_jobs} if old.parallel_jobs else {}
        upserts = old.conflict in ("overwrite", "skip")
        step: dict[str, Any]
        step = {"id": "write", "type": "db.upsert" if upserts else "db.insert", "connection": "destination", "batch": batch}
        step["table"] = str(given.table)
        if upserts:
            step |= {"key": key, "conflict": old.conflict}
            if not key:
                hint = "write destination.key: [column, …], or give --key COLUMN: the table needs a unique constraint over them"
                self._unequal(
                    ("conflict",), "J003", f"conflict: {old.conflict} needs to know which columns tell rows apart", hint
                )
        elif old.conflict is None:
            self._note(
                ("destination",), "no conflict is told: a row that the table refuses as known ends the run, as with fail"
            )
        return {**step, "mapping": self._mapping()}

    def _mapping(self) -> dict[str, Any]:
        """Column of the destination → where it comes from, with what its transformations do."""
        names = self._old.schema_mapping or {name: name for name in self._columns()}
        changes: dict[str, list[Any]] = {to: [] for to in names.values()}
        for at, each in enumerate(self._old.transformations):
            to = names.get(each.column, each.column)
            change = as_transform(each.operation, each.format)
            if to not in changes:
                text = f'transformations: there is no column "{each.column}" in the source or the destination'
                self._unequal(
                    ("transformations", at, "column"), "J004", text, f"known here: {', '.join(sorted({*names, *changes}))}"
                )
            elif change is None:
                told = f" with format {each.format!r}" if each.format else " without format"
                hint = "docs/migrate.md lists those that have one; a lambda.invoke can do the rest"
                path: Way = ("transformations", at, "operation")
                self._unequal(path, "J401", f"the operation {each.operation!r}{told} has no equal", hint, part=True)
            else:
                changes[to].append(change)
        return {to: _value(name, changes[to]) for name, to in names.items()}

    def _columns(self) -> list[str]:
        """The columns of the source, where it says no mapping: those of the file's header."""
        if isinstance(self._source, CsvSide):
            found = _header(self._source, self._folder)
            if found:
                return found
            text = f"the columns are those of {self._source.path}, which cannot be read"
            self._unequal(("source", "path"), "J003", text, "put the file there, or write schema_mapping: {from: to}")
        else:
            text, hint = "only the database knows the columns of the source", "write schema_mapping: {from: to}"
            self._unequal(("source",), "J003", text, hint)
        return []


def _listed(key: str | list[str] | None) -> list[str]:
    return [key] if isinstance(key, str) else list(key or ())


def _mapped(columns: Any) -> dict[str, Any]:
    return columns if isinstance(columns, dict) else {}


def _value(name: str, transforms: list[Any]) -> Any:
    read = f"row.{name}" if _PLAIN.fullmatch(name) else f"row[{_quoted(name)}]"
    text = "{{ " + read + " }}"
    return {"from": text, "transforms": transforms} if transforms else text


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _header(side: CsvSide, folder: Path) -> list[str]:
    """The first record of a file, found from the working folder, else from the job's."""
    for place in (Path(side.path), folder / side.path):
        try:
            with place.open(encoding=side.encoding or "utf-8-sig", newline="") as stream:
                line = stream.readline()
        except (OSError, LookupError, UnicodeDecodeError):
            continue
        delimiter = side.delimiter or max(",;\t|", key=line.count)
        return [*_first(csv.reader([line], delimiter=delimiter))]
    return []


def _first(reader: Iterator[list[str]]) -> list[str]:
    return next(reader, [])
