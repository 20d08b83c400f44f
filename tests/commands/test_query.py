"""``portl query``: what runs with --demo left in the embedded database of a project."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import connect
from flows.support import Ended, portl
from portl_cli.embedded import start_postgres

FILL = """CREATE TABLE stock AS SELECT * FROM (VALUES
  (1, 'bolt', 1.50, NULL, DATE '2026-01-31', '{"a": [1, "é"]}'::jsonb),
  (2, E'two\\nlines', 20.25, true, DATE '2026-02-28', NULL)
) AS given (id, name, price, sold, since, more)"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("asked")
    (root / "statemachines").mkdir()
    with start_postgres(root) as server:
        with connect(server.url) as connection:
            connection.run(FILL)
        yield root


def query(project: Path, *arguments: str) -> Ended:
    return portl(project, "query", *arguments)


@pytest.mark.postgres
def test_rows_are_shown_as_a_table(project: Path) -> None:
    assert query(project, "SELECT * FROM stock ORDER BY id") == Ended(
        0,
        "id  name       price  sold  since       more\n"
        "--  ---------  -----  ----  ----------  ---------------\n"
        '1   bolt       1.50   null  2026-01-31  {"a": [1, "é"]}\n'
        "2   two lines  20.25  true  2026-02-28  null\n",
        "",
    )


@pytest.mark.postgres
def test_with_json_each_row_is_a_document_with_all_of_it(project: Path) -> None:
    ended = query(project, "SELECT *, repeat('x', 100) AS long FROM stock ORDER BY id", "--json")
    rows = [json.loads(line) for line in ended.out.splitlines()]
    assert rows == [
        {
            "id": 1,
            "name": "bolt",
            "price": "1.50",
            "sold": None,
            "since": "2026-01-31",
            "more": {"a": [1, "é"]},
            "long": "x" * 100,
        },
        {"id": 2, "name": "two\nlines", "price": "20.25", "sold": True, "since": "2026-02-28", "more": None, "long": "x" * 100},
    ]


@pytest.mark.postgres
def test_a_table_shows_the_beginning_of_long_values_and_as_many_rows_as_were_asked_for(project: Path) -> None:
    ended = query(project, "SELECT repeat('x', 100) AS long FROM generate_series(1, 3000)", "--limit", "1")
    assert ended == Ended(0, f"long\n{'-' * 60}\n{'x' * 59}…\n", "1 of 3,000 rows; --limit shows more\n")


@pytest.mark.postgres
def test_a_query_without_rows_shows_its_columns(project: Path) -> None:
    assert query(project, "SELECT id FROM stock WHERE false") == Ended(0, "id\n--\n", "")


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DELETE FROM stock", "D199 cannot execute DELETE in a read-only transaction"),
        ("CREATE TABLE other ()", "D199 cannot execute CREATE TABLE in a read-only transaction"),
        (
            "WITH gone AS (DELETE FROM stock RETURNING id) SELECT * FROM gone",
            "D199 cannot execute SELECT in a read-only transaction",
        ),
        ("COMMIT; DELETE FROM stock", "D105 cannot insert multiple commands into a prepared statement"),
        ("SELECT * FROM stok", 'D105 relation "stok" does not exist'),
    ],
)
def test_what_would_write_and_what_is_wrong_is_refused_with_the_servers_words(project: Path, sql: str, said: str) -> None:
    ended = query(project, sql)
    assert (ended.code, ended.out, ended.err.startswith(said)) == (2, "", True), ended.err
    assert query(project, "SELECT count(*) FROM stock").out == "count\n-----\n2\n"


def test_without_a_run_that_made_it_there_is_nothing_to_ask(tmp_path: Path) -> None:
    (tmp_path / "statemachines").mkdir()
    ended = query(tmp_path, "SELECT 1")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith(f"V131 {tmp_path} has no embedded database yet\n")
    assert "--demo" in ended.err
