"""Jobs of the older form run, are checked at their own lines, and become steps (jobs.md J7)."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from flows.support import Ended, portl
from portl_cli.embedded import Peer

PEOPLE = [
    {"E-Mail": "Ann@X.org", "name": " Ann «é» ", "born": "01.02.1990", "paid": "1.234,50"},
    {"E-Mail": "bob@x.org", "name": "Bob", "born": "28.02.1980", "paid": "0,00"},
    {"E-Mail": "ANN@x.org", "name": "Ann B", "born": "", "paid": "12,5"},
]
TABLE = "CREATE TABLE people (email text PRIMARY KEY, full_name text, born date, paid numeric)"
OLD = """\
source: {type: csv, path: people.csv}
destination:
  type: postgres
  host: HOST
  port: PORT
  database: DATABASE
  username: USER
  password: "PASSWORD"
  table: people
  key: email
conflict: overwrite
batch_size: 2
schema_mapping: {E-Mail: email, name: full_name, born: born, paid: paid}
transformations:
  - {column: E-Mail, operation: lowercase}
  - {column: full_name, operation: trim}
  - {column: born, operation: date, format: DD.MM.YYYY}
  - {column: paid, operation: number, format: "#.##0,00"}
"""


def oracle(conflict: str, before: Mapping[str, tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows that doing one record after another gives, in plain Python."""
    rows = dict(before)
    for record in PEOPLE:
        email = record["E-Mail"].lower()
        born = datetime.strptime(record["born"], "%d.%m.%Y").date() if record["born"] else None  # noqa: DTZ007
        paid = float(record["paid"].replace(".", "").replace(",", "."))
        if conflict == "overwrite" or email not in rows:
            rows[email] = (email, record["name"].strip(), born, paid)
    return sorted(rows.values())


@pytest.fixture
def older(tmp_path: Path, postgres_url: str) -> Any:
    """Writes an older job about the test's database; answers its file."""
    with (tmp_path / "people.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(PEOPLE[0]))
        writer.writeheader()
        writer.writerows(PEOPLE)

    def write(text: str, name: str = "old.yaml") -> Path:
        parts = urlsplit(postgres_url)
        told = {"HOST": parts.hostname, "PORT": parts.port, "DATABASE": parts.path[1:], "USER": parts.username}
        for word, value in {**told, "PASSWORD": parts.password or ""}.items():
            text = text.replace(word, str(value))
        (tmp_path / name).write_text(text, "utf-8")
        return tmp_path / name

    return write


def run(tmp_path: Path, file: Path, *options: str, **variables: str) -> Ended:
    return portl(tmp_path, "run", str(file), "--host", "inline", "--time-scale", "0.01", *options, **variables)


def people(query: Any) -> list[tuple[Any, ...]]:
    found = query("SELECT email, full_name, born, paid FROM people ORDER BY email")
    return [(*row[:3], None if row[3] is None else float(row[3])) for row in found]


@pytest.mark.parametrize("conflict", ["overwrite", "skip"])
def test_a_csv_goes_into_a_table_as_one_record_after_another_would(
    tmp_path: Path, older: Any, query: Any, postgres_url: str, conflict: str
) -> None:
    query(TABLE)
    query("INSERT INTO people VALUES ('bob@x.org', 'Robert', NULL, 7)")
    ended = run(tmp_path, older(OLD.replace("overwrite", conflict)))
    assert ended.code == 0, ended.err
    assert "old.yaml is of the older form and runs as steps; `portl migrate" in ended.err
    written = [file for file in (tmp_path / "runs").rglob("*") if file.is_file()]
    password = str(urlsplit(postgres_url).password)
    assert written
    assert [file for file in written if password.encode() in file.read_bytes()] == []
    assert password not in ended.out + ended.err
    assert people(query) == oracle(conflict, {"bob@x.org": ("bob@x.org", "Robert", None, 7.0)})


def test_conflict_fail_ends_the_run_at_the_row_that_is_known(tmp_path: Path, older: Any, query: Any) -> None:
    query(TABLE)
    ended = run(tmp_path, older(OLD.replace("overwrite", "fail")))
    assert (ended.code, "D103" in ended.err, "write (db.insert), record 3" in ended.err) == (1, True, True), ended.err


def test_the_migrated_job_gives_the_same_rows_and_holds_no_password(
    tmp_path: Path, older: Any, query: Any, postgres_url: str
) -> None:
    query(TABLE)
    planted, real = "pl@nted/secret", urlsplit(postgres_url).password or "any"
    file = older(OLD.replace("PASSWORD", planted))
    made = portl(tmp_path, "migrate", str(file), "--output", "new/job.yaml")
    assert made.code == 0, made.err
    assert re.sub(r"\S*old.yaml", "old.yaml", made.err).splitlines() == [
        (
            "old.yaml:8 destination.password: stands in clear: it is ${secret:destination/password} now, "
            "percent-encoded where it has to be"
        ),
        "new/job.yaml written; look at it with: portl check new/job.yaml",
    ]
    text = (tmp_path / "new" / "job.yaml").read_text("utf-8")
    assert planted not in text + made.out + made.err
    ended = run(tmp_path, tmp_path / "new" / "job.yaml", PORTL_SECRET_DESTINATION_PASSWORD="")
    assert ended.code == 3, "the password is asked for"
    ended = run(tmp_path, tmp_path / "new" / "job.yaml", PORTL_SECRET_DESTINATION_PASSWORD=real)
    assert (ended.code, people(query)) == (0, oracle("overwrite", {})), ended.err


FROM_TABLE = """\
job: export
source:
  type: postgres
  host: HOST
  port: PORT
  database: DATABASE
  username: USER
  password: "PASSWORD"
  query: "SELECT email, full_name FROM people ORDER BY email;"
destination: {type: csv, path: out.csv, delimiter: ";"}
conflict: overwrite
"""


def test_a_query_becomes_a_file_and_a_mapping_renames_and_changes_its_columns(tmp_path: Path, older: Any, query: Any) -> None:
    query(TABLE)
    query("INSERT INTO people VALUES ('a@x', 'Ann; A', NULL, 1), ('b@x', NULL, NULL, 2)")
    (tmp_path / "out.csv").write_text("before\n", "utf-8")
    assert run(tmp_path, older(FROM_TABLE)).code == 0
    assert (tmp_path / "out.csv").read_text("utf-8") == 'email;full_name\na@x;"Ann; A"\nb@x;\n'
    more = "schema_mapping: {full_name: Name, email: E-Mail}\ntransformations: [{column: Name, operation: upper}]\n"
    assert run(tmp_path, older(FROM_TABLE + more)).code == 0
    assert (tmp_path / "out.csv").read_text("utf-8") == 'Name;E-Mail\n"ANN; A";a@x\n;b@x\n'


BOTH = """\
source: {SIDE, table: people}
destination: {SIDE, table: copies}
schema_mapping: {email: mail, full_name: name}
hooks:
  before_job: ["DELETE FROM copies;", {sql: "INSERT INTO copies VALUES ('first', NULL)"}]
  after_job: {url: "PEER/done?x=1", body: {ok: true}}
"""


def test_a_table_goes_into_another_with_hooks_around_it(tmp_path: Path, older: Any, query: Any, peer: Peer) -> None:
    query(TABLE)
    query("CREATE TABLE copies (mail text, name text)")
    query("INSERT INTO people VALUES ('a@x', 'Ann', NULL, 1), ('b@x', 'Bob', NULL, 2)")
    query("INSERT INTO copies VALUES ('old', 'old')")
    side = "type: postgres, host: HOST, port: PORT, database: DATABASE, username: USER, password: 'PASSWORD'"
    ended = run(tmp_path, older(BOTH.replace("SIDE", side).replace("PEER", peer.url)))
    assert ended.code == 0, ended.err
    assert query("SELECT * FROM copies ORDER BY mail") == [("a@x", "Ann"), ("b@x", "Bob"), ("first", None)]
    assert [(call["method"], call["path"], call["body"]) for call in peer.calls()] == [("POST", "/done?x=1", {"ok": True})]


def test_without_a_mapping_the_columns_are_those_of_the_files_header(tmp_path: Path, older: Any) -> None:
    text = (
        "source: {type: csv, path: people.csv}\ndestination: {type: csv, path: o.csv}\n"
        "transformations: [{column: name, operation: trim}]\nconflict: overwrite\n"
    )
    made = portl(tmp_path, "migrate", str(older(text)))
    assert (made.code, made.err) == (0, "")
    assert (
        made.out
        == """\
version: 2
job: old
steps:
  - id: read
    type: csv.read
    path: people.csv
  - id: write
    type: file.write
    path: o.csv
    rows: "{{ steps.read.rows }}"
    format: csv
    overwrite: replace
    columns:
      E-Mail: "{{ row[\\"E-Mail\\"] }}"
      name: {from: "{{ row.name }}", transforms: [trim]}
      born: "{{ row.born }}"
      paid: "{{ row.paid }}"
"""
    )


WRONG = {
    "source: {type: google_sheets, spreadsheet_id: x, sheet_name: y}\ndestination: {type: csv, path: o.csv}\n": [
        (
            "1:16 J401 Google Sheets is not in this version; "
            "export the sheet as CSV and read that, or read it by an api.call of Google's API"
        )
    ],
    "source: {type: mysql, host: h, database: d, username: u, table: t}\ndestination: {type: csv, path: o.csv}\n": [
        "1:16 J401 MySQL is not in this version; move the data to PostgreSQL, or export it as CSV and read that"
    ],
    "source: {type: cvs, path: p}\ndestination: {type: csv}\n": [
        '1:16 J004 source: the type "cvs" is not known; did you mean "csv"?',
        '2:14 J003 the field "path" is missing',
    ],
    "source: {type: csv, path: people.csv}\ndestination: {type: csv, path: o}\nconflct: skip\nbatch_size: 0\n": [
        '3:1 J002 unknown field "conflct"; did you mean "conflict"?',
        "4:13 J004 batch_size: input should be greater than or equal to 1",
    ],
    OLD.replace("  key: email\n", ""): [
        (
            "10:11 J003 conflict: overwrite needs to know which columns tell rows apart; "
            "write destination.key: [column, …], or give --key COLUMN: the table needs a unique constraint over them"
        )
    ],
    OLD.replace("key: email", "key: mail"): ['10:8 J207 "mail" is in key and not in the mapping; did you mean "email"?'],
    OLD.replace("column: E-Mail", "column: nobody"): [
        (
            '15:14 J004 transformations: there is no column "nobody" in the source or the destination; '
            "known here: E-Mail, born, email, full_name, name, paid"
        )
    ],
    OLD.replace("operation: trim", "operation: rot13"): [
        (
            "16:36 J401 the operation 'rot13' without format has no equal; "
            "docs/migrate.md lists those that have one; a lambda.invoke can do the rest"
        )
    ],
    OLD + "hooks:\n  after_batch: VACUUM\n": [
        (
            "20:16 J401 after_batch has no equal: steps go over records, not batches; "
            "a step of the same batch does something for each record, after_job for all of them"
        )
    ],
    OLD + "hooks:\n  before_job: [./prepare.sh]\n": [
        "20:16 J401 this hook has no equal: it is neither SQL nor a request; a lambda.invoke can run code of your own"
    ],
}


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_what_is_wrong_is_told_at_the_lines_of_the_older_file_and_nothing_runs(
    tmp_path: Path, older: Any, query: Any, number: int
) -> None:
    text, findings = list(WRONG.items())[number]
    file = older(text)
    for command in ("check", "run"):
        ended = portl(tmp_path, command, str(file))
        assert (ended.code, ended.err.replace(f"{file}:", "").splitlines()) == (2, findings), command
    assert query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def test_what_has_no_equal_is_left_out_of_the_written_job_and_listed(tmp_path: Path, older: Any) -> None:
    text = OLD.replace("operation: trim", "operation: rot13") + "hooks: {before_batch: x, after_job: ./tell.sh}\n"
    made = portl(tmp_path, "migrate", str(older(text)), "--output", "job.yaml")
    told = [line for line in made.err.splitlines() if line.startswith("no equal, and left out:")]
    assert (made.code, [re.search(r"old\.yaml:(\d+)", line)[1] for line in told]) == (1, ["19", "19", "16"])  # type: ignore[index]
    written = (tmp_path / "job.yaml").read_text("utf-8")
    assert written.count("# no equal: ") == 3
    assert portl(tmp_path, "check", "job.yaml").code == 0


def test_a_file_that_is_there_is_not_replaced_and_one_of_the_steps_form_is_refused(tmp_path: Path, older: Any) -> None:
    file = older(OLD)
    (tmp_path / "job.yaml").write_text("mine\n", "utf-8")
    refused = portl(tmp_path, "migrate", str(file), "--output", "job.yaml")
    assert (refused.code, (tmp_path / "job.yaml").read_text("utf-8")) == (2, "mine\n")
    assert portl(tmp_path, "migrate", str(file), "--output", "job.yaml", "--force").code == 0
    again = portl(tmp_path, "migrate", "job.yaml")
    assert (again.code, "job.yaml is no job of the older form" in again.err) == (2, True)


def test_variables_stay_variables_and_a_key_can_be_told_beside_the_file(tmp_path: Path, older: Any) -> None:
    text = OLD.replace("HOST", "${CRM_AT}").replace('"PASSWORD"', "$CRM_PASS").replace("  key: email\n", "")
    made = portl(tmp_path, "migrate", str(older(text)), "--key", "email")
    assert made.code == 0, made.err
    assert re.search(r'url: "postgresql://\w+:\$\{env:CRM_PASS\}@\$\{env:CRM_AT\}:\d+/\w+"', made.out), made.out
    assert "key: [email]" in made.out
