"""The statements that make rows of staged records, each over a range of record indexes.

Together they give what the step's own statement, run for one record after another, would give.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from portl.connections import quote_identifier
from portl.errors import Place, RunError
from portl.jobs import StepSpec
from portl.runs import INDEX, INSERTED, LOST, STAGE, UNCHANGED, UPDATED, Keyed

IN_RANGE = f"s.{INDEX} >= $1::int AND s.{INDEX} < $2::int"
_INTEGERS = frozenset({"smallint", "integer", "bigint"})
_ID = "portl_id"


class StagedSql:
    """The statements of one step. ``table`` are the destination's columns by name, as its connection tells them."""

    def __init__(self, spec: StepSpec, table_name: str, columns: Sequence[str], table: Any) -> None:
        self._spec, self._name, self._table, self._columns = spec, table_name, table, tuple(columns)
        self._quoted = quote_identifier(table_name)
        self._names = ", ".join(map(quote_identifier, columns))
        self._values = ", ".join(f"s.{quote_identifier(name)}" for name in columns)

    @property
    def integer_ids(self) -> bool:
        """Whether an id's text is its JSON, too."""
        return self._has_id and self._table["id"].type in _INTEGERS

    @property
    def _has_id(self) -> bool:
        return "id" in self._table

    def _listed(self, id_: str) -> str:
        """Indexes and ids, joined, in any order but the same: a row for each would cost more than the write."""
        ids = f"coalesce({id_}::text, 'null')" if self.integer_ids else f"coalesce(to_json({id_}::text)::text, 'null')"
        return f"string_agg(x.{INDEX}::text, ','), string_agg({ids}, ',')"

    def plain(self, among: str = "") -> str:
        """Inserts without a look at a key; ``among`` narrows the records.

        PostgreSQL promises no order of RETURNING, so an id is known before its row is written, or told by the order in which
        an identity counts. Answers (indexes, ids, how many of the rows were found with their ids).

        Raises:
            RunError: R117, the ids are made in a way that cannot be told.
        """
        rows = f"FROM {STAGE} s WHERE {IN_RANGE}{among} ORDER BY s.{INDEX}"
        if not self._has_id:
            return self._insert(f"SELECT s.*, NULL::text AS {_ID} {rows}", "1", "(SELECT count(*) FROM w)")
        column = self._table["id"]
        if "id" in self._columns:
            return self._insert(f"SELECT s.*, s.id AS {_ID} {rows}", "id", self._found())
        if column.default is not None:
            return self._insert(f"SELECT s.*, {column.default} AS {_ID} {rows}", "id", self._found(), more=True)
        if column.increment:
            return self._counted(rows, "DESC" if column.increment < 0 else "ASC")
        if column.filled:
            text = f"{self._name} makes its ids in a way that cannot be told for rows without a key"
            hint = "leave transaction.staging out, or map id"
            raise RunError(text, code="R117", hint=hint, place=Place(step=self._spec.id))
        return self._insert(f"SELECT s.*, NULL::text AS {_ID} {rows}", "id", "(SELECT count(*) FROM w WHERE id IS NULL)")

    def _found(self) -> str:
        return f"(SELECT count(*) FROM w JOIN x ON w.id = x.{_ID})"  # noqa: S608 - our own names

    def _insert(self, source: str, returned: str, found: str, *, more: bool = False) -> str:
        names, values = (f"{self._names}, id", f"{self._values}, s.{_ID}") if more else (self._names, self._values)
        return f"""WITH x AS MATERIALIZED ({source}),
w AS (INSERT INTO {self._quoted} ({names})
  SELECT {values} FROM x s ORDER BY s.{INDEX}
  RETURNING {returned})
SELECT {self._listed(f"x.{_ID}")}, {found}
FROM x"""  # noqa: S608 - identifiers quoted

    def _counted(self, rows: str, direction: str) -> str:
        """The rows are made in the records' order, so an identity counts in it: the n-th id is that of the n-th record."""
        return f"""WITH w AS (INSERT INTO {self._quoted} ({self._names})
  SELECT {self._values} {rows} RETURNING id),
r AS (SELECT id, row_number() OVER (ORDER BY id {direction}) AS nth FROM w),
x AS (SELECT s.{INDEX}, r.id FROM (SELECT s.{INDEX}, row_number() OVER (ORDER BY s.{INDEX}) AS nth {rows}) s
  LEFT JOIN r USING (nth))
SELECT {self._listed("x.id")}, (SELECT count(*) FROM w) FROM x"""  # noqa: S608 - identifiers quoted

    def keyed(self, key: Sequence[str], action: str, *, answers_all: bool) -> tuple[Keyed, str | None]:
        """The statements for records with a key, and for those of which a part of the key is null, if there can be any.

        ``action`` is what ``ON CONFLICT`` does; ``answers_all`` says that it answers every record, not only what it changed.
        """
        there = " AND ".join(f"s.{quote_identifier(name)} IS NOT NULL" for name in key if not self._table[name].not_null)
        among = f" AND {there}" if there else ""
        upsert = f"ON CONFLICT ({', '.join(map(quote_identifier, key))}) {action}"
        keys = ", ".join(f"s.{quote_identifier(name)}" for name in key)
        found = Keyed(
            self._repeats(keys, among),
            self._first(key, keys, among, upsert, answers_all=answers_all),
            self._again(key, keys, upsert),
            answers_all,
        )
        return found, self.plain(f" AND NOT ({there})") if there else None

    @staticmethod
    def _repeats(keys: str, among: str) -> str:
        """Sorted by key once: a key that stands once costs nothing more."""
        rows = f"""SELECT s.{INDEX}, row_number() OVER (PARTITION BY {keys} ORDER BY s.{INDEX}) AS nth
  FROM {STAGE} s WHERE {IN_RANGE}{among}"""  # noqa: S608 - as above
        lists = f"string_agg(r.{INDEX}::text, ','), string_agg(r.nth::text, ',')"
        return f"SELECT {lists} FROM ({rows}) r WHERE r.nth > 1"  # noqa: S608 - as above

    def _first(self, key: Sequence[str], keys: str, among: str, upsert: str, *, answers_all: bool) -> str:
        """Rows are written in the key's order: two writers that meet do not wait for each other in a circle."""
        names = [quote_identifier(name) for name in key]
        id_ = "t.id" if self._has_id else "NULL::text"
        returned = ", ".join([*(f"t.{name} AS k{at}" for at, name in enumerate(names)), f"{id_} AS id", "t.xmax = 0 AS fresh"])
        mine = " AND ".join(f"w.k{at} = s.{name}" for at, name in enumerate(names))
        known, given = "", "w.id"
        left = f"CASE WHEN w.fresh THEN '{INSERTED}' WHEN NOT w.fresh THEN '{UPDATED}' ELSE '{LOST}' END"
        if not answers_all:
            same = " AND ".join(f"k.{name} = s.{name}" for name in names)
            known = f"\n  LEFT JOIN {self._quoted} k ON w.fresh IS NULL AND {same}"
            given = f"CASE WHEN w.fresh IS NULL THEN {'k.id' if self._has_id else 'NULL::text'} ELSE w.id END"
            left = left.replace("ELSE", f"WHEN k.tableoid IS NOT NULL THEN '{UNCHANGED}' ELSE")
        late = f"SELECT FROM unnest($3::int[]) AS l(i) WHERE l.i = s.{INDEX}"
        return f"""WITH w AS (INSERT INTO {self._quoted} AS t ({self._names})
  SELECT {self._values} FROM {STAGE} s
  WHERE {IN_RANGE}{among} AND NOT EXISTS ({late}) ORDER BY {keys}
  {upsert}
  RETURNING {returned}),
x AS (SELECT s.{INDEX}, {given} AS id, {left} AS change
  FROM {STAGE} s LEFT JOIN w ON {mine}{known}
  WHERE {IN_RANGE}{among})
SELECT {self._listed("x.id")}, string_agg(x.change, '') FROM x"""  # noqa: S608 - as above

    def _again(self, key: Sequence[str], keys: str, upsert: str) -> str:
        names = [quote_identifier(name) for name in key]
        returned = ", ".join(f"t.{name} AS k{at}" for at, name in enumerate(names))
        mine = " AND ".join(f"w.k{at} = s.{name}" for at, name in enumerate(names))
        chosen = f"FROM unnest($1::int[]) AS l(i) JOIN {STAGE} s ON s.{INDEX} = l.i"
        return f"""WITH w AS (INSERT INTO {self._quoted} AS t ({self._names})
  SELECT {self._values} {chosen} ORDER BY {keys}
  {upsert} RETURNING {returned})
SELECT string_agg(s.{INDEX}::text, ',') {chosen} JOIN w ON {mine}"""
