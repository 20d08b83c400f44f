"""What an engineer sees while writing a job in an editor: the real YAML language server with the schema of ``portl schema``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.support import portl
from portl.connections import CONNECTION_TYPES
from portl.jobs import StepSpec
from portl.jobs._models import Batch
from portl.steps import STEP_TYPES
from portl_cli.schema import schema_text
from schema.language_server import CARET, Finding, LanguageServer, start_language_server

pytestmark = pytest.mark.node

ROOT = Path(__file__).resolve().parents[2]
HEAD = """\
version: 2
job: sync
connections:
  pg: {type: postgres, url: "${env:PG_URL}"}
steps:
"""


@pytest.fixture(scope="module")
def server(node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    schema = tmp_path_factory.mktemp("schema") / "job.schema.json"
    schema.write_text(schema_text(), "utf-8")
    with start_language_server(node_modules / ".bin" / "yaml-language-server", schema) as server:
        yield server


def keys(model: Any) -> set[str]:
    names = {field.alias or name for name, field in model.model_fields.items()}
    other_step = issubclass(model, StepSpec) and model.connects_to != "http" and not model.waits
    return names - {"timeout_s"} if other_step else names


def offered_in(kind: str, written: set[str]) -> set[str]:
    """The keys of a step type that are not written yet, and the skeleton of those that must be there, under the type's name."""
    fields = STEP_TYPES[kind].model_fields
    needed = {field.alias or name for name, field in fields.items() if field.is_required()} - written
    skeleton = {kind} if needed else set()
    return keys(STEP_TYPES[kind]) - written | skeleton


def test_the_keys_of_a_job_are_offered_at_its_top(server: LanguageServer) -> None:
    assert {"params", "run_key", "connections", "transaction", "steps"} <= set(
        server.completions(f"version: 2\njob: a\n{CARET}\n")
    )


@pytest.mark.parametrize("inside", ["", "  - {id: first, type: csv.read, path: x}\n"])
def test_exactly_the_step_types_are_offered_behind_type(server: LanguageServer, inside: str) -> None:
    assert server.completions(f"{HEAD}{inside}  - id: a\n    type: {CARET}\n") == sorted(STEP_TYPES)


def test_what_a_step_type_does_is_shown_beside_it(server: LanguageServer) -> None:
    shown = server.explained(f"{HEAD}  - id: a\n    type: {CARET}\n", "csv.read")
    assert shown == "Reads a CSV strictly, as a stream: every record is text by column name."


def test_a_step_without_a_type_is_offered_the_keys_of_every_step_and_no_others(server: LanguageServer) -> None:
    offered = set(server.completions(f"{HEAD}  - id: a\n    {CARET}\n"))
    assert offered == keys(StepSpec) - {"id"} | {"step"}


@pytest.mark.parametrize("kind", sorted(STEP_TYPES))
def test_a_step_is_offered_the_keys_of_its_type_and_no_others(server: LanguageServer, kind: str) -> None:
    before = "  - id: other\n    type: api.call\n    method: GET\n"
    assert set(server.completions(f"{HEAD}{before}  - id: a\n    type: {kind}\n    {CARET}\n")) == offered_in(
        kind, {"id", "type"}
    )


@pytest.mark.parametrize("kind", sorted(STEP_TYPES))
@pytest.mark.parametrize("branch", ["then", "else"])
def test_so_is_a_step_inside_a_branch(server: LanguageServer, kind: str, branch: str) -> None:
    outer = f"  - id: choose\n    type: conditional\n    if: '{{{{ true }}}}'\n    {branch}:\n"
    inner = f"      - id: a\n        type: {kind}\n        {CARET}\n"
    assert set(server.completions(HEAD + outer + inner)) == offered_in(kind, {"id", "type"})


def test_the_step_types_are_offered_inside_a_branch(server: LanguageServer) -> None:
    outer = "  - id: choose\n    type: conditional\n    then:\n"
    assert server.completions(f"{HEAD}{outer}      - id: a\n        type: {CARET}\n") == sorted(STEP_TYPES)


def test_the_keys_of_a_batch_are_offered_inside_it(server: LanguageServer) -> None:
    offered = set(server.completions(f"{HEAD}  - id: a\n    type: api.call\n    batch:\n      as: row\n      {CARET}\n"))
    assert offered - {"Batch"} == keys(Batch) - {"as"}


@pytest.mark.parametrize("kind", sorted(CONNECTION_TYPES))
def test_a_connection_is_offered_the_fields_of_its_type_and_no_others(server: LanguageServer, kind: str) -> None:
    offered = set(server.completions(f"version: 2\nconnections:\n  a:\n    type: {kind}\n    {CARET}\n"))
    assert offered - {kind} == keys(CONNECTION_TYPES[kind]) - {"type"}


def test_the_types_of_connections_are_offered(server: LanguageServer) -> None:
    assert server.completions(f"connections:\n  a:\n    type: {CARET}\n") == sorted(CONNECTION_TYPES)


def test_the_values_of_a_choice_are_offered(server: LanguageServer) -> None:
    offered = server.completions(f"{HEAD}  - id: a\n    type: db.upsert\n    conflict: {CARET}\n")
    assert offered == ["fail", "merge_newer", "merge_non_null", "overwrite", "skip"]


def test_a_mapped_column_is_offered_the_long_form_and_its_transforms(server: LanguageServer) -> None:
    step = f"{HEAD}  - id: a\n    type: db.insert\n    table: t\n    mapping:\n      email:\n        from: x\n"
    assert server.completions(f"{step}        {CARET}\n") == ["default", "on_error", "required", "transforms", "type"]
    offered = set(server.completions(f"{step}        transforms:\n          - {CARET}\n"))
    assert {"trim", "lower", "parse_date", "replace", "lookup"} <= offered


def found(server: LanguageServer, steps: str) -> list[Finding]:
    return server.findings(HEAD + steps)


def test_a_misspelt_key_is_marked_where_it_stands(server: LanguageServer) -> None:
    step = "  - id: a\n    type: csv.read\n    path: x\n    encodign: utf-8\n"
    assert found(server, step) == [Finding(9, 5, "encodign", "Property encodign is not allowed.")]


def test_a_misspelt_key_in_a_branch_is_marked_where_it_stands(server: LanguageServer) -> None:
    outer = "  - id: choose\n    type: conditional\n    if: '{{ true }}'\n    then:\n"
    inner = "      - {id: a, type: db.insert, table: t, mapping: {a: 1}, wehn: x}\n"
    assert found(server, outer + inner) == [Finding(10, 61, "wehn", "Property wehn is not allowed.")]


def test_a_key_of_another_step_type_is_marked(server: LanguageServer) -> None:
    step = "  - {id: a, type: csv.read, path: x, method: GET}\n"
    assert found(server, step) == [Finding(6, 38, "method", "Property method is not allowed.")]


def test_an_unknown_step_type_is_marked_once_with_what_there_is(server: LanguageServer) -> None:
    (only,) = found(server, "  - {id: a, type: csv.raed, path: x}\n")
    assert (only.line, only.marked) == (6, "csv.raed")
    assert all(f'"{kind}"' in only.message for kind in STEP_TYPES)


def test_a_missing_key_is_named(server: LanguageServer) -> None:
    (only,) = found(server, "  - id: a\n    type: db.upsert\n    table: t\n    mapping: {a: 1}\n")
    assert (only.line, only.message) == (6, 'Missing property "key".')


def test_sql_and_a_file_with_sql_do_not_go_together(server: LanguageServer) -> None:
    step = "  - id: a\n    type: db.query_one\n    sql: SELECT 1\n    sql_file: q.sql\n"
    assert found(server, step) == [Finding(9, 5, "sql_file", "Property sql_file is not allowed.")]


def test_a_condition_that_is_no_expression_is_marked(server: LanguageServer) -> None:
    step = "  - {id: a, type: csv.read, path: x, when: row.code}\n"
    assert [(each.marked, each.message) for each in found(server, step)] == [
        ("row.code", "exactly one {{ expression }}, true or false")
    ]


@pytest.mark.parametrize("file", sorted(ROOT.glob("statemachines/*/job.yaml")), ids=lambda file: file.parent.name)
def test_the_jobs_of_the_project_are_right(server: LanguageServer, file: Path) -> None:
    assert server.findings(file.read_text("utf-8")) == []


def test_a_job_with_every_key_is_right(server: LanguageServer, every_key: str) -> None:
    assert server.findings(every_key) == []


def test_what_a_key_is_for_is_shown_at_the_key(server: LanguageServer) -> None:
    step = f"{HEAD}  - id: a\n    type: db.query_one\n    sql_{CARET}file: q.sql\n"
    assert "a path inside the job's folder, at most 256 KB of UTF-8" in server.hover(step)


def test_the_line_that_portl_schema_says_leads_the_server_to_the_schema(server: LanguageServer, tmp_path: Path) -> None:
    job = tmp_path / "jobs" / "a" / "job.yaml"
    job.parent.mkdir(parents=True)
    said = portl(tmp_path, "schema", "--output", "job.schema.json", "--modeline", str(job))
    assert said.out == "# yaml-language-server: $schema=../../job.schema.json\n"
    wrong = "version: 2\nstpes: []\n"
    assert server.findings(wrong, job.as_uri()) == []
    assert "stpes" in {each.marked for each in server.findings(said.out + wrong, job.as_uri())}
