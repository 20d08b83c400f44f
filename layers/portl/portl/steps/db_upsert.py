"""``db.upsert``: a record becomes a row, new or known by its key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from portl.connections import Connections, quote_identifier
from portl.jobs import ResultShape, alone, closest
from portl.runs import INSERTED, UNCHANGED, UPDATED, Decide, Scope, StagedWrite, Statement, StepType, single_step
from portl.steps._staged_sql import StagedSql
from portl.steps._written import WriteSpec, Writing

_CHANGES = {INSERTED: "inserted", UPDATED: "updated", UNCHANGED: "unchanged"}
_SOME_ANSWERED = frozenset({"skip", "merge_newer"})
"""Where a known row may be left alone: RETURNING then says nothing of it."""
_NEWER: dict[str, Any] = {
    "if": {"properties": {"conflict": {"const": "merge_newer"}}, "required": ["conflict"]},
    "then": {"required": ["newer_by"]},
    "else": alone("newer_by"),
}


class DbUpsert(WriteSpec):
    """Inserts a row, or meets the one with the same key: ``conflict`` says what happens then."""

    model_config = ConfigDict(json_schema_extra=_NEWER)

    key: list[str] = Field(min_length=1, description="The columns that say whether a row is known; they need a unique index.")
    update_columns: list[str] | None = Field(default=None, description="The columns a known row gets anew; all when not told.")
    conflict: Literal["overwrite", "skip", "fail", "merge_newer", "merge_non_null"] = Field(
        default="overwrite", description="What happens to a row that is known."
    )
    newer_by: str | None = Field(default=None, description="For merge_newer: the column that says which row is newer.")

    shape: ClassVar[ResultShape] = ResultShape(frozenset({"id", "was_inserted"}))

    def repeatable(self) -> bool:
        """See StepSpec."""
        return self.conflict != "fail"

    def findings(self) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
        """Key columns stand in the mapping; ``newer_by`` goes with ``merge_newer``."""
        for field, names in (("key", self.key), ("update_columns", self.update_columns or [])):
            for at, name in enumerate(names):
                if name not in self.mapping:
                    yield (field, at), "J207", f'"{name}" is in {field} and not in the mapping', closest(name, self.mapping)
        if (self.conflict == "merge_newer") != (self.newer_by is not None):
            yield ("conflict",), "J004", "merge_newer and newer_by go together", "write newer_by: <column>"
        elif self.newer_by is not None and self.newer_by not in self.mapping:
            yield ("newer_by",), "J207", f'"{self.newer_by}" is not in the mapping', closest(self.newer_by, self.mapping)


class Upserting:
    """A db.upsert made ready."""

    def __init__(self, spec: DbUpsert, connections: Connections) -> None:
        self._spec = spec
        self._writing = Writing(spec, connections)
        self._writing.demand()
        self._sql = upsert_sql(spec, self._writing.mapping.columns, has_id="id" in self._writing.table)

    def plan(self, scope: Scope) -> Statement | Decide:
        """The statement for one record."""
        return self._writing.statement(self._sql, scope)

    def staged(self) -> StagedWrite:
        """See portl.runs.Stageable."""
        spec, columns = self._spec, self._writing.mapping.columns
        sql = StagedSql(spec, spec.table, columns, self._writing.table)
        common = (self._writing.connection, spec.table, columns, sql.integer_ids)
        if spec.conflict == "fail":
            return StagedWrite(*common, plain=sql.plain())
        action = _action(spec, [name for name in columns if name not in spec.key])
        keyed, plain = sql.keyed(spec.key, action, answers_all=spec.conflict not in _SOME_ANSWERED)
        return StagedWrite(*common, plain=plain, keyed=keyed)

    def staged_answer(self, id_: Any, change: str) -> dict[str, Any]:
        """See portl.runs.Stageable."""
        return {"id": id_, "change": _CHANGES[change]}

    def result(self, answer: Any) -> Any:
        """``{id, was_inserted}``, with what happened; null for a record its mapping skipped."""
        if not isinstance(answer, dict):
            return None
        return {"id": answer.get("id"), "was_inserted": answer["change"] == "inserted", "change": answer["change"]}

    def outcome(self, result: Any) -> str:
        """inserted, updated or unchanged."""
        return str(result["change"]) if result else "skipped"


def upsert_sql(spec: DbUpsert, columns: Sequence[str], *, has_id: bool) -> str:
    """One statement that inserts the row or meets the known one, and always answers exactly one row.

    ``xmax = 0`` tells an inserted row from an updated one; a row that the conflict rule leaves alone is read by its key.
    """
    table, key = quote_identifier(spec.table), [quote_identifier(name) for name in spec.key]
    names = ", ".join(quote_identifier(name) for name in columns)
    places = ", ".join(f"${at}" for at in range(1, len(columns) + 1))
    given = "id" if has_id else "NULL::text AS id"
    change = "CASE WHEN t.xmax = 0 THEN 'inserted' ELSE 'updated' END AS change"
    insert = f"INSERT INTO {table} AS t ({names}) VALUES ({places})"  # noqa: S608 - identifiers quoted, values bound
    if spec.conflict == "fail":
        return f"{insert} RETURNING {given}, {change}"
    action = _action(spec, [name for name in columns if name not in spec.key])
    upsert = f"{insert} ON CONFLICT ({', '.join(key)}) {action} RETURNING {given}, {change}"
    if spec.conflict not in _SOME_ANSWERED:
        return upsert
    types = " AND ".join(f"k.{name} = ${columns.index(raw) + 1}" for name, raw in zip(key, spec.key, strict=True))
    known = f"SELECT {'k.id' if has_id else 'NULL::text'}, 'unchanged' FROM {table} AS k WHERE {types}"  # noqa: S608 - as above
    return f"WITH w AS ({upsert}) SELECT id, change FROM w UNION ALL {known} AND NOT EXISTS (SELECT 1 FROM w)"  # noqa: S608


def _action(spec: DbUpsert, others: list[str]) -> str:
    if spec.conflict == "skip":
        return "DO NOTHING"
    chosen = list(spec.update_columns) if spec.update_columns is not None else others
    if spec.newer_by is not None and spec.newer_by not in chosen:
        chosen = [*chosen, spec.newer_by]  # what it is judged by must move with it
    form = "{0} = COALESCE(excluded.{0}, t.{0})" if spec.conflict == "merge_non_null" else "{0} = excluded.{0}"
    sets = ", ".join(form.format(quote_identifier(name)) for name in chosen or spec.key)
    if spec.newer_by is None:
        return f"DO UPDATE SET {sets}"
    newer = quote_identifier(spec.newer_by)
    return f"DO UPDATE SET {sets} WHERE t.{newer} IS NULL OR excluded.{newer} > t.{newer}"


STEP = StepType("db.upsert", DbUpsert, Upserting, single_step)
