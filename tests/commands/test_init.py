"""``portl init`` by its options, as a script or a test uses it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from flows.support import ROOT, Ended, portl
from portl_cli.engine import load_template
from portl_cli.scaffold import KINDS

CSV = 'Code,Price,Sold,Note\n007,12.50,2026-01-02,\n008,3,2026-01-03,"it\'s ""new"""\n'

DONE = {
    "csv-to-postgres": ["j: 3 inserted"],
    "csv-to-api": ["the peer received 3 POST /records"],
    "csv-to-lambda-to-postgres": ["calls 3, invocations 3", "j: 3 inserted", "the peer received 3 POST /records"],
    "lambda-to-postgres": ["j: 3 inserted", "invocations 1"],
    "lambda-to-api": ["the peer received 3 POST /records", "invocations 1"],
    "postgres-to-api": ["the peer received 3 POST /records"],
    "postgres-to-lambda": ["j: 3 updated", "invocations 3"],
}


def init(folder: Path, *arguments: str) -> Ended:
    return portl(folder, "init", *arguments)


def demo(folder: Path, job: str = "statemachines/j") -> Ended:
    checked = portl(folder, "check", job)
    assert (checked.code, checked.err) == (0, "")
    return portl(folder, "run", job, "--demo")


def everything(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_kind_is_tried_here() -> None:
    assert set(DONE) == set(KINDS)


@pytest.mark.postgres
@pytest.mark.parametrize("kind", DONE)
def test_a_new_job_runs_at_once_in_a_folder_that_held_nothing(tmp_path: Path, kind: str) -> None:
    written = init(tmp_path, "--kind", kind, "--name", "j")
    assert (written.code, written.err) == (0, "")
    ended = demo(tmp_path)
    assert ended.code == 0, ended.err
    assert [text for text in DONE[kind] if text not in ended.out] == []


@pytest.mark.postgres
def test_columns_types_and_key_come_from_the_csv(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text(CSV, "utf-8")
    assert init(tmp_path, "--kind", "csv-to-postgres", "--csv", "sales.csv", "--name", "j").code == 0
    job = yaml.safe_load((tmp_path / "statemachines/j/job.yaml").read_text("utf-8"))
    assert job["params"]["path"]["default"] == "sales.csv"
    assert job["steps"][0]["columns"] == ["Code", "Price", "Sold", "Note"]
    assert job["steps"][1]["key"] == ["code"]
    assert job["steps"][1]["mapping"] == {
        "code": "{{ row.Code }}",
        "price": {"from": "{{ row.Price }}", "type": "decimal"},
        "sold": {"from": "{{ row.Sold }}", "type": "date"},
        "note": "{{ row.Note }}",
    }
    assert "j: 2 inserted" in demo(tmp_path).out


def test_the_written_job_is_one_a_person_would_have_written(tmp_path: Path) -> None:
    init(tmp_path, "--kind", "csv-to-lambda-to-postgres", "--name", "people", "--yes")
    assert (tmp_path / "statemachines/people/job.yaml").read_text("utf-8") == (
        """# A CSV file through a Lambda function into PostgreSQL in one transaction, then a call to an API.
# To try it: portl run statemachines/people --demo
version: 2
job: people
params:
  path: {type: string, default: statemachines/people/people.csv, description: the CSV file}
run_key: "{{ checksum(params.path) }}"

connections:
  database: {type: postgres, url: "${env:PG_URL}"}
  function: {type: lambda, function: "people_enrich.py:handler"}
  api: {type: http, base_url: "${env:API_URL}"}

transaction: {scope: db, connection: database}

steps:
  - id: read
    type: csv.read
    path: "{{ params.path }}"
    columns: [email, name, born]

  - id: enrich
    type: lambda.invoke
    batch: &each {from: "{{ steps.read.rows }}", as: row}
    payload:
      email: "{{ row.email }}"
      name: "{{ row.name }}"
      born: "{{ row.born }}"
    retry: {max_attempts: 4, backoff_ms: 500}

  - id: save
    type: db.upsert
    batch: *each
    table: people
    key: [email]
    mapping:
      email: "{{ row.email }}"
      name: "{{ row.name }}"
      born: {from: "{{ row.born }}", type: date}
      checksum: "{{ steps.enrich[idx].checksum }}"
      status: "{{ steps.enrich[idx].status }}"

  - id: tell
    type: api.call
    batch: *each
    method: POST
    path: /records
    json: {id: "{{ steps.save[idx].id }}", email: "{{ row.email }}"}
    retry: {max_attempts: 4, backoff_ms: 500}
"""
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "there is no terminal to ask on: give --kind and --name, or --yes for the defaults"),
        (("--kind", "csv-to-api"), "give --name, or --yes"),
        (("--kind", "csv-to-moon", "--yes"), "--kind: 'csv-to-moon' is no kind of job"),
        (("--yes", "--name", "a b"), "--name: 'a b': a job's name has letters"),
        (("--yes", "--columns", "a, a"), "--columns: a stands twice"),
        (("--yes", "--columns", "a:dat"), "--columns: 'dat' is no type; types are text, int"),
        (("--yes", "--columns", "a,,b"), "--columns: name every column"),
        (("--yes", "--key", "nobody"), "--key: there is no column 'nobody'; columns are email, name, born"),
        (("--yes", "--csv", "nowhere.csv"), "--csv: nowhere.csv is not there"),
        (("--yes", "--kind", "lambda-to-api", "--csv", "x.csv"), "--csv: this kind of job reads no CSV"),
        (("--yes", "--kind", "lambda-to-api", "--function", "../x.py:f"), "--function: '../x.py:f': the file stands beside"),
        (("--yes", "--nonsense"), "No such option"),
        (("--yes", "--if-exists", "merge"), "is not one of 'overwrite', 'append', 'cancel'"),
    ],
)
def test_what_cannot_be_is_said_with_its_option_and_writes_nothing(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    ended = init(tmp_path, *arguments)
    assert (ended.code, ended.out, said in ended.err) == (2, "", True), ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_is_there_is_never_overwritten_by_a_default(tmp_path: Path) -> None:
    init(tmp_path, "--yes")
    before = everything(tmp_path)
    ended = init(tmp_path, "--yes", "--table", "other")
    assert ended.code == 2
    assert "statemachines/people/job.yaml is there already: --if-exists overwrite or append" in ended.err
    assert everything(tmp_path) == before
    assert init(tmp_path, "--yes", "--table", "other", "--if-exists", "overwrite").code == 0
    assert b"table: other" in everything(tmp_path)["statemachines/people/job.yaml"]


def test_a_file_beside_a_new_job_is_not_overwritten_unasked_either(tmp_path: Path) -> None:
    schema = tmp_path / "statemachines/people/schema.sql"
    schema.parent.mkdir(parents=True)
    schema.write_text("-- mine\n", "utf-8")
    ended = init(tmp_path, "--yes")
    assert (ended.code, ended.out) == (2, "")
    assert "statemachines/people/schema.sql would be overwritten: --if-exists overwrite allows it" in ended.err
    assert everything(tmp_path) == {"statemachines/people/schema.sql": b"-- mine\n"}
    assert init(tmp_path, "--yes", "--if-exists", "overwrite").code == 0
    assert "CREATE TABLE" in schema.read_text("utf-8")


@pytest.mark.postgres
def test_steps_are_appended_without_touching_what_is_there(tmp_path: Path) -> None:
    init(tmp_path, "--kind", "csv-to-postgres", "--name", "j")
    job = tmp_path / "statemachines/j/job.yaml"
    mine = "# mine\n" + job.read_text("utf-8") + "    # the last word\n"
    job.write_text(mine, "utf-8")
    arguments = ("--kind", "csv-to-api", "--name", "j", "--columns", "sku,amount:int", "--if-exists", "append")
    assert init(tmp_path, *arguments, "--api-var", "HOOK_URL").code == 0
    text = job.read_text("utf-8")
    kept = [line for line in mine.splitlines() if line not in text.splitlines()]
    document = yaml.safe_load(text)
    assert kept == []
    assert [step["id"] for step in document["steps"]] == ["read", "save", "read_2", "tell"]
    assert list(document["connections"]) == ["database", "api"]
    assert list(document["params"]) == ["path", "path_2"]
    ended = demo(tmp_path)
    assert (ended.code, "j: 3 inserted" in ended.out, "received 3 POST /records" in ended.out) == (0, True, True), ended.err


def test_appending_works_on_mappings_in_one_line_and_refuses_what_would_be_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "statemachines/j"
    folder.mkdir(parents=True)
    job = folder / "job.yaml"
    head = "version: 2\njob: j\nconnections: {db: {type: postgres, url: 'postgres://x/y'}}\n"
    job.write_text(head + "steps:\n- {id: read, type: db.query_one, sql: SELECT 1}", "utf-8")
    arguments = ("--kind", "csv-to-api", "--name", "j", "--if-exists", "append")
    assert init(tmp_path, *arguments).code == 0
    document = yaml.safe_load(job.read_text("utf-8"))
    assert [step["id"] for step in document["steps"]] == ["read", "read_2", "tell"]
    assert list(document["connections"]) == ["db", "api"]
    flow = head + "steps: [{id: read, type: db.query_one, sql: SELECT 1}]\n"
    for text, said in ((flow, "the job's steps stand on one line"), ("version: 2\njob: j\nsteps: 5\n", "job.yaml:3:8 J004")):
        job.write_text(text, "utf-8")
        ended = init(tmp_path, *arguments)
        assert (ended.code, said in ended.err, job.read_text("utf-8")) == (2, True, text), ended.err


def test_with_deploy_the_folder_can_be_built_and_its_function_is_one_of_the_template(tmp_path: Path) -> None:
    ended = init(tmp_path, "--kind", "lambda-to-api", "--name", "j", "--deploy")
    assert ended.code == 0, ended.err
    template = load_template(tmp_path / "template.yaml")
    steps = {path.name for path in (ROOT / "functions").iterdir()} - {"feed", "ingestor"}
    assert {function.code_dir.name for function in template.functions.values()} == {*steps, "j_feed"}
    assert {path.name for path in (tmp_path / "functions").iterdir()} == {*steps, "j_feed"}
    assert template.machines == {}
    assert (tmp_path / "layers/portl/portl/errors.py").read_bytes() == (ROOT / "layers/portl/portl/errors.py").read_bytes()
    assert portl(tmp_path, "build").code == 0
    assert portl(tmp_path, "build", "--check").code == 0
    assert list(load_template(tmp_path / "template.yaml").machines) == ["JMachine"]
    assert "the peer received 3 POST /records" in demo(tmp_path).out


def test_deploy_keeps_the_example_function_that_a_job_names_and_only_that(tmp_path: Path) -> None:
    named = init(tmp_path, "--kind", "lambda-to-api", "--name", "j", "--function", "feed")
    assert named.code == 0, named.err
    assert init(tmp_path, "--deploy").code == 0
    template = load_template(tmp_path / "template.yaml")
    assert {"FeedFunction", "IngestorFunction"} & set(template.functions) == {"FeedFunction"}
    assert (tmp_path / "functions/feed/app.py").read_bytes() == (ROOT / "functions/feed/app.py").read_bytes()
    assert not (tmp_path / "functions/ingestor").exists()
    assert (portl(tmp_path, "build").code, portl(tmp_path, "build", "--check").code) == (0, 0)


def test_deploy_alone_makes_a_folder_with_jobs_one_that_can_be_built(tmp_path: Path) -> None:
    init(tmp_path, "--yes")
    before = everything(tmp_path)
    ended = init(tmp_path, "--deploy")
    assert (ended.code, ended.out.endswith("written; next\n  portl build\n")) == (0, True), ended.err
    after = everything(tmp_path)
    assert {path: text for path, text in after.items() if path in before} == before
    assert (portl(tmp_path, "build").code, portl(tmp_path, "build", "--check").code) == (0, 0)
    assert init(tmp_path, "--deploy").out == f"{tmp_path / 'template.yaml'} is there already\n"


def test_without_a_template_build_says_what_is_missing_and_how_to_get_it(tmp_path: Path) -> None:
    init(tmp_path, "--yes")
    ended = portl(tmp_path, "build")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == (
        f"V121 {tmp_path} has no template.yaml\n  `portl init --deploy` writes a template.yaml, and the functions and the layer"
        " it names\n"
    )
    refused = init(tmp_path, "--kind", "lambda-to-api", "--name", "j", "--function", "nobody")
    assert (refused.code, "V120" in refused.err, "file.py:function beside the job" in refused.err) == (3, True, True)
    assert not (tmp_path / "statemachines/j").exists()


def test_a_folder_that_cannot_be_written_to_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "statemachines").write_text("a file", "utf-8")
    ended = init(tmp_path, "--yes")
    assert (ended.code, "V124" in ended.err) == (3, True), ended.err
    assert everything(tmp_path) == {"statemachines": b"a file"}
    (tmp_path / "statemachines").unlink()
    (tmp_path / "statemachines/people/schema.sql").mkdir(parents=True)
    ended = init(tmp_path, "--yes")
    assert (ended.code, "V124" in ended.err) == (3, True), ended.err
    assert everything(tmp_path) == {}


def test_the_project_may_be_elsewhere_and_the_next_commands_say_so(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    ended = init(tmp_path, "--project", "there", "--yes")
    assert ended.code == 0
    assert "  cd there\n  portl check statemachines/people\n" in ended.out
    assert (tmp_path / "there/statemachines/people/job.yaml").is_file()
