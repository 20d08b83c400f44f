"""What `portl check` tells of a file.write, besides the fixtures of tests/jobs/mistakes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from portl.connections import CONNECTION_TYPES
from portl.jobs import parse_job
from portl.steps import STEP_TYPES

ROOT = Path(__file__).resolve().parents[2]
HEAD = """\
version: 2
job: j
params: {items: {type: list}}
connections:
  out: {type: local, root: out}
  fn: {type: lambda, function: ingestor}
steps:
"""


def told(steps: str) -> list[str]:
    found = parse_job((HEAD + steps).encode(), "job.yaml", STEP_TYPES, CONNECTION_TYPES)[1]
    return [str(each).removeprefix("job.yaml:") for each in found]


def step(**fields: str) -> str:
    given = {"id": "w", "type": "file.write", "path": '"out:f"', "rows": '"{{ params.items }}"', "format": "csv", **fields}
    return "  - {" + ", ".join(f"{name}: {value}" for name, value in given.items()) + "}\n"


@pytest.mark.parametrize(
    "fields",
    [
        {"columns": '{a: "{{ row.a }}", b: {from: "{{ row.b }}", type: decimal, transforms: [trim]}}'},
        {"format": "text", "template": '"{{ row.a }}"', "footer": '"{{ run.id }}"'},
        {"path": '"out:{{ part }}"', "parts": '{records: 5, manifest: "out:m"}'},
        {"rows": '[{a: "{{ run.id }}"}]', "retry": "{max_attempts: 2}"},
    ],
)
def test_a_right_step_has_no_finding(fields: dict[str, str]) -> None:
    assert told(step(**fields)) == []


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        ({"format": "xls"}, "J004", 'did you mean "xlsx"?'),
        ({"format": "text", "template": "x", "columns": "[a]"}, "J004", "text has no columns"),
        ({"template": "x"}, "J004", "template is for format: text"),
        ({"header": "x"}, "J004", "header is for format: text"),
        ({"footer": "x"}, "J004", "footer is for format: text"),
        ({"columns": "[a, b, a]"}, "J004", 'the column "a" stands twice'),
        ({"columns": "[]"}, "J004", "should map names to expressions, or list names"),
        ({"columns": "{}"}, "J004", "should map names to expressions, or list names"),
        ({"columns": "[1]"}, "J004", "should map names to expressions, or list names"),
        ({"columns": '{a: {from: "{{ row.a }}", typ: int}}'}, "J002", 'did you mean "type"?'),
        ({"columns": '{a: {from: "{{ row.a }}", transforms: [trimm]}}'}, "J004", "trim"),
        ({"columns": '{a: "{{ rwo.a }}"}'}, "J206", 'did you mean "row"?'),
        ({"columns": '{a: "{{ idx }}"}'}, "J206", 'there is nothing called "idx" here'),
        ({"path": '"out:{{ row.a }}"'}, "J206", 'there is nothing called "row" here'),
        ({"columns": '{a: "{ row.a }}"}'}, "J103", "is text and no expression"),
        ({"rows": "5"}, "J004", "rows: should be a list, or an expression that names one"),
        ({"rows": '"{{ steps.x.rows }}"'}, "J201", 'there is no step "x"'),
        ({"format": "json", "dialect": "{delimiter: x}"}, "J004", "dialect is for format: csv"),
        ({"dialect": '{delimiter: "\\""}'}, "J004", "is both the delimiter and the quote"),
        ({"dialect": '{delimiter: "\\n"}'}, "J004", "cannot be a delimiter"),
        ({"dialect": '{quote: "\\r"}'}, "J004", "cannot be a quote"),
        ({"format": "xlsx", "compression": "gzip"}, "J004", "an xlsx file is compressed by itself"),
        ({"compression": "zip"}, "J004", "zip"),
        ({"overwrite": "skip"}, "J004", "skip"),
        ({"path": '"out:{{ part }}"', "parts": "{records: 0}"}, "J004", "greater than or equal to 1"),
        ({"path": '"out:{{ part }}"', "parts": "{}"}, "J003", 'the field "records" is missing'),
        ({"path": '"out:{{ part }}"', "parts": '{records: 1, manifest: "ot:m"}'}, "J204", 'did you mean "out"?'),
        ({"path": '"ot:f"'}, "J204", 'did you mean "out"?'),
        ({"connection": "fn"}, "J204", "file.write uses no connection"),
        ({"on_error": "dead_letter"}, "J215", "has no batch"),
        ({"timeout_s": "5"}, "J401", "timeout_s is for"),
    ],
)
def test_a_wrong_step_is_told_once_and_why(fields: dict[str, str], code: str, text: str) -> None:
    (finding,) = told(step(**fields))
    assert (finding.split()[1], text in finding) == (code, True), finding


def test_inside_a_conditional_over_a_batch_it_is_told_too() -> None:
    steps = (
        '  - id: c\n    type: conditional\n    batch: {from: "{{ params.items }}"}\n    if: "{{ true }}"\n    then:\n    '
        + step()
    )
    (finding,) = told(steps)
    assert finding.split()[1] == "J401"


def test_inside_a_conditional_without_a_batch_it_may_stand() -> None:
    assert told('  - id: c\n    type: conditional\n    if: "{{ true }}"\n    then:\n    ' + step()) == []


def test_its_result_has_the_fields_that_are_promised() -> None:
    read = '  - {id: next, type: lambda.invoke, payload: {p: "{{ steps.w.%s }}"}}\n'
    assert (
        told(
            step() + "".join(read.replace("next", f"n{name}") % name for name in ("path", "size", "checksum", "count", "files"))
        )
        == []
    )
    (finding,) = told(step() + read % "rows")
    assert finding.split()[1] == "J203"


def test_a_workbook_s_library_is_loaded_by_a_workbook_only() -> None:
    write = "from file_write.support import content; content([{'a': 1}], format=%r, compression=%r); import sys; "
    code = "print([name for name in ('xlsxwriter', 'backports.zstd') if name in sys.modules])"
    for form, compression, loaded in (
        ("csv", "gzip", []),
        ("csv", "zstd", ["backports.zstd"]),
        ("xlsx", "none", ["xlsxwriter"]),
    ):
        command = [sys.executable, "-c", write % (form, compression) + code]
        done = subprocess.run(command, cwd=ROOT / "tests", capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(loaded)
