"""A staged transaction gives what going record by record gives: rows, results, counts, and the record that is to blame."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import connect
from flows.staging_lab import SCHEMA, Lab, job_text

RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "code": st.sampled_from(["A", "B", "C", "tab\tand\\", None]),
            "kind": st.sampled_from(["x", "y", None]),
            "name": st.sampled_from(["one", "two", "line\nbreak «é»", "", "\\N", None]),
            "n": st.sampled_from([*[None, 1, 2, 3, 5, 7, "no number"] * 4, 13]),
        }
    ),
    max_size=24,
)
CONFLICTS = [
    "",
    "update_columns: [n]",
    "update_columns: []",
    "conflict: skip",
    "conflict: merge_non_null",
    "conflict: merge_newer\nnewer_by: n",
    "conflict: merge_newer\nnewer_by: n\nupdate_columns: [n]",
    "conflict: fail",
]
READ = {"items": "SELECT * FROM items", "lines": "SELECT * FROM lines"}
BEFORE = (
    "INSERT INTO items (code, kind, name, n) VALUES ('A', 'x', 'before', NULL), ('B', 'x', 'before', 2), ('B', NULL, NULL, 9)"
)


def came_to(lab: Lab, postgres_url: str, text: str, records: list[dict[str, Any]], size: int) -> dict[str, Any]:
    """What a run leaves, its ids told by what stands in their rows: only their order may differ."""
    connection = connect(postgres_url)
    try:
        for statement in [*SCHEMA.split(";\n"), BEFORE]:
            connection.run(statement)
        ended = lab.run(text, records)
        rows = {table: {row[0]: tuple(row[1:]) for row in connection.run(READ[table])} for table in READ}
        found: dict[str, Any] = {table: sorted(map(repr, by_id.values())) for table, by_id in rows.items()}
        if ended.status != "SUCCEEDED":
            error = lab.error()
            return {**found, "failed": (error["code"], error["place"]["step"], error["place"]["record"])}
        for step, table in (("item", "items"), ("line", "lines")):
            found[step] = [
                None if each is None else {**each, "id": rows[table][each["id"]]}
                for each in lab.results(step, len(records), size)
            ]
        return {**found, "stats": lab.stats()}
    finally:
        connection.close()


@settings(
    max_examples=settings.default.max_examples // 6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(records=RECORDS, conflict=st.sampled_from(CONFLICTS), size=st.integers(1, 6), at_once=st.integers(1, 30))
def test_staged_and_record_by_record_are_the_same(
    lab: Lab,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    records: list[dict[str, Any]],
    conflict: str,
    size: int,
    at_once: int,
) -> None:
    monkeypatch.setenv("PORTL_COMMIT_AT_ONCE", str(at_once))
    staged, plain = (
        came_to(lab, postgres_url, job_text(staging=staging, size=size, conflict=conflict), records, size)
        for staging in (True, False)
    )
    assert staged == plain
