"""SQL in a file of the job's folder (J8): what is taken, and where a finding stands when it is not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from portl.connections import CONNECTION_TYPES
from portl.errors import JobError
from portl.jobs import load_job, parse_job
from portl.jobs._text_file import MAX_TEXT_BYTES
from portl.steps import STEP_TYPES

HEAD = """\
version: 2
job: j
params: {code: {type: string}}
connections: {pg: {type: postgres, url: "${env:PG_URL}"}}
steps:
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "job" / "sql").mkdir(parents=True)
    return tmp_path / "job"


@pytest.fixture
def found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is wrong with the steps of a job in the folder, each finding as it is printed."""
    monkeypatch.chdir(folder)

    def find(steps: str) -> list[str]:
        Path("job.yaml").write_text(HEAD + steps, "utf-8")
        try:
            load_job(Path("job.yaml"), STEP_TYPES, CONNECTION_TYPES)
        except JobError as problem:
            return [str(each) for each in problem.diagnostics]
        return []

    return find


QUERY = '  - {id: q, type: db.query_one, sql_file: "%s", params: {code: "{{ params.code }}"}}\n'


@pytest.mark.parametrize("path", ["q.sql", "sql/q.sql", "./q.sql", "sql/größe.sql"])
@pytest.mark.parametrize("sql", ["SELECT :code", "-- why\n(SELECT :code);\n", "\ufeffSELECT ':x', :code::text\r\n"])
def test_sql_is_taken_from_a_file_inside_the_jobs_folder(folder: Path, found: Any, path: str, sql: str) -> None:
    (folder / path).write_text(sql, "utf-8", newline="")
    assert found(QUERY % path) == []


def test_the_text_is_read_when_the_job_is_loaded(folder: Path, found: Any) -> None:
    (folder / "q.sql").write_bytes(b"SELECT\r\n  :code\r\n")
    found(QUERY % "q.sql")
    job = load_job(folder / "job.yaml", STEP_TYPES, CONNECTION_TYPES)
    (folder / "q.sql").unlink()
    assert (job.steps[0].statement, job.steps[0].sql_file) == ("SELECT\n  :code\n", "q.sql")


OUTSIDE = "leads out of the job's folder, or is no path; a relative path with /, without .. and without links"


@pytest.mark.parametrize(
    "path", ["../q.sql", "sql/../../q.sql", "/etc/hostname", "C:/q.sql", "sql//q.sql", "link.sql", "linked/q.sql", "."]
)
def test_a_path_that_leaves_the_jobs_folder_is_refused(folder: Path, found: Any, path: str) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    for file in (folder.parent / "q.sql", outside / "q.sql"):
        file.write_text("SELECT :code", "utf-8")
    (folder / "link.sql").symlink_to(outside / "q.sql")
    (folder / "linked").symlink_to(outside)
    assert found(QUERY % path) == [f"job.yaml:6:44 J307 {path} {OUTSIDE}"]


def test_a_folder_is_no_file_to_take(found: Any) -> None:
    assert found(QUERY % "sql") == ["job.yaml:6:44 J307 sql is a folder; name a file"]


@pytest.mark.parametrize("path", ["no.sql", "pipe.sql", "Q.sql/x", "{{ params.code }}.sql"])
def test_a_file_that_is_not_there_or_is_no_file_is_told(folder: Path, found: Any, path: str) -> None:
    os.mkfifo(folder / "pipe.sql")
    assert found(QUERY % path) == [f"job.yaml:6:44 J307 {path} is not there; a path from the job's folder"]


def test_a_file_of_256_kb_is_taken_and_a_longer_one_is_not(folder: Path, found: Any) -> None:
    file = folder / "q.sql"
    file.write_text("SELECT :code".ljust(MAX_TEXT_BYTES), "utf-8")
    assert found(QUERY % "q.sql") == []
    file.write_text("SELECT :code".ljust(MAX_TEXT_BYTES + 1), "utf-8")
    assert found(QUERY % "q.sql") == ["job.yaml:6:44 J307 q.sql has more than 262,144 bytes; make it shorter"]


NO_EXPRESSION = "SQL takes no expressions: values are bound; write :name and give it under params"


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (b"SELECT\n  '\xff', :code", "q.sql:2:4 J307 the file is not UTF-8; save it as UTF-8"),
        ("SELECT 'é',\n '\0', :code".encode(), "q.sql:2:3 J307 a NUL character cannot be sent to a database; leave it out"),
        (b"SELECT :code,\r\n  {{ now }}", f"q.sql:2:3 J304 {NO_EXPRESSION}"),
        (b"-- a\n/* b */ BEGIN", "q.sql:2:9 J304 BEGIN is not for a step: Portl begins and ends transactions; leave it out"),
        (b"SELECT :code;\n\nCOMMIT", "q.sql:3:1 J304 a second statement begins here, and a step runs one; make a step of it"),
        (b"SELECT :code,\n\n      :cod", 'q.sql:3:7 J304 :cod has no value under params; did you mean "code"?'),
        (b"", "q.sql:1:1 J304 there is no SQL statement; write one"),
        (b"-- nothing\n ; ", "q.sql:1:1 J304 there is no SQL statement; write one"),
    ],
)  # fmt: skip
def test_what_is_wrong_inside_the_file_is_told_with_its_place_there(
    folder: Path, found: Any, content: bytes, finding: str
) -> None:
    (folder / "q.sql").write_bytes(content)
    assert finding in found(QUERY % "q.sql")


def test_a_param_without_a_place_is_told_in_the_job(folder: Path, found: Any) -> None:
    (folder / "q.sql").write_text("SELECT 1", "utf-8")
    assert found(QUERY % "q.sql") == ["job.yaml:6:68 J304 the SQL has no place :code"]


def test_a_hundred_comments_before_a_statement_take_no_time(folder: Path, found: Any) -> None:
    (folder / "q.sql").write_text("/* note */ " * 20_000 + "(SELECT :code)", "utf-8")
    assert found(QUERY % "q.sql") == []


def test_a_file_shown_with_the_way_to_its_job(folder: Path) -> None:
    (folder / "q.sql").write_text("SELECT :cod", "utf-8")
    raw = (HEAD + QUERY % "q.sql").encode()
    _, findings = parse_job(raw, str(folder / "job.yaml"), STEP_TYPES, CONNECTION_TYPES, folder=folder)
    assert {each.file for each in findings} == {str(folder / "q.sql")}


def test_a_job_that_is_only_text_has_no_folder_to_read_from() -> None:
    _, findings = parse_job((HEAD + QUERY % "q.sql").encode(), "job.yaml", STEP_TYPES, CONNECTION_TYPES)
    assert [str(each) for each in findings] == [
        "job.yaml:6:44 J307 a job that is no file has no folder to read from; write the text inline"
    ]


FORMS = [
    (
        "type: db.query_one",
        """6:5 J003 the field "sql" is missing; or write sql_file: a file of the job's folder""",
    ),
    (
        "type: db.query_many, sql: SELECT 1, sql_file: q.sql",
        "6:59 J004 a step has sql or sql_file, not both; leave one of them out",
    ),
    (
        "type: db.update, table: t, set: {a: 1}",
        '6:5 J003 the field "where" is missing; an update has set and where, or sql, or sql_file',
    ),
    (
        "type: db.update, table: t, set: {a: 1}, where: {b: 1}, params: {c: 1}",
        "6:76 J004 params are for the places of SQL; leave them out",
    ),
    (
        "type: db.update, table: t, sql: UPDATE t SET a = 1, where: {b: 1}",
        "6:72 J004 where is for an update without SQL of its own; leave where out, or the SQL",
    ),
    (
        "type: db.update, table: t, sql: DELETE FROM t",
        "6:45 J304 db.update takes SQL that begins with one of MERGE, UPDATE, WITH; use the step type that fits",
    ),
    (
        "type: db.update, sql: UPDATE t SET a = 1",
        '6:5 J003 the field "table" is missing',
    ),
]


@pytest.mark.parametrize(("step", "finding"), FORMS)
def test_a_step_has_one_sql_and_an_update_one_form(folder: Path, found: Any, step: str, finding: str) -> None:
    (folder / "q.sql").write_text("SELECT 1", "utf-8")
    assert found(f"  - {{id: q, {step}}}\n") == [f"job.yaml:{finding}"]


def test_a_mistake_of_form_elsewhere_hides_nothing_and_adds_nothing(folder: Path, found: Any) -> None:
    (folder / "q.sql").write_text("SELECT :cod", "utf-8")
    wrong = '  - {id: r, type: csv.read, path: "{{ params.code }}", encodign: utf-8}\n'
    codes = [each.split()[1] for each in found(QUERY % "q.sql" + wrong)]
    assert codes == ["J002", "J304"]
