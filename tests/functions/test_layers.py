"""What the layers carry, which functions have them, and what a function loads of them (bundle.md A2, A4)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from portl.connections import CONNECTION_TYPES
from portl.jobs import parse_job
from portl.steps import STEP_TYPES
from portl.stores import S3Driver, Store
from portl_cli.compile import compile_job
from portl_cli.engine import FakeHost, SystemClock, execute, load_machine, load_template
from stores.backends import s3_endpoint, s3_spec

ROOT = Path(__file__).resolve().parents[2]


def pins(layer: str) -> dict[str, str]:
    lines = (ROOT / "layers" / layer / "requirements.txt").read_text("utf-8").splitlines()
    found = dict(line.split("==") for line in lines if not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in found.items()}


def wanted(lines: list[str]) -> dict[str, Requirement]:
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(each.name): each for each in found if each.marker is None or each.marker.evaluate({"extra": ""})}


# what stands in the files


def test_the_layer_of_files_has_the_libraries_of_stores_in_versions_that_the_installation_takes_too() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    own, pinned = wanted(project), pins("files")
    assert {"obstore", "paramiko"} <= own.keys() & pinned.keys()
    for name in own.keys() & pinned.keys():
        assert own[name].specifier.contains(pinned[name]), name


def test_the_two_layers_share_no_pin() -> None:
    assert pins("portl").keys() & pins("files").keys() == set()


def test_exactly_the_functions_that_keep_results_have_the_layer_of_files() -> None:
    """``portl.runs.handle`` writes each result into the run store; what does not come through it touches no file."""
    functions = load_template(ROOT / "template.yaml").functions.values()
    layers = {each.code_dir.name: [folder.name for folder in each.layers] for each in functions}
    keeps = {name for name in layers if "portl.runs import LambdaContext, handle" in source(name)}
    assert {name: found == ["portl", "files"] for name, found in layers.items()} == {name: name in keeps for name in layers}
    assert layers.keys() - keeps == {"feed", "ingestor", "outbox_drain", "start_run"}


def source(folder: str) -> str:
    return (ROOT / "functions" / folder / "app.py").read_text("utf-8")


# what is loaded

HEAVY = ("boto3", "botocore.client", "cryptography", "obstore", "paramiko")
"""botocore itself is a few lines, and Powertools asks whether it is there."""
CALL = f"""
import importlib.util, json, sys
class Context:
    aws_request_id = "1"
    def get_remaining_time_in_millis(self):
        return 60_000
spec = importlib.util.spec_from_file_location("app", f"functions/{{sys.argv[1]}}/app.py")
app = importlib.util.module_from_spec(spec)
spec.loader.exec_module(app)
answer = app.handler(json.loads(sys.argv[2]), Context())
print(json.dumps([answer, [name for name in {HEAVY!r} if name in sys.modules]]))
"""
READS = """\
version: 2
job: reads
connections:
  lake: {type: s3, bucket: %s, region: us-east-1, endpoint: "%s", access_key_id: testing, secret_access_key: "${secret:s3}"}
steps:
  - {id: read, type: csv.read, path: "lake:in/a.csv"}
"""
DECIDES = """\
version: 2
job: decides
connections: {api: {type: http, base_url: "http://127.0.0.1:1"}}
steps:
  - {id: choose, type: conditional, if: "{{ 1 == 1 }}", then: [{id: call, type: api.call, connection: api, path: /x}]}
"""


def first_task(text: str) -> tuple[str, Any]:
    """The first function that a job calls, by its folder, and with what."""
    job, findings = parse_job(text.encode(), "job.yaml", STEP_TYPES, CONNECTION_TYPES)
    assert job is not None, findings
    functions = load_template(ROOT / "template.yaml").functions
    host = FakeHost(dict.fromkeys(functions, lambda _: 1 / 0))
    definition = compile_job(job, lambda _: 900).definition
    machine = load_machine(definition, substitutions={f"{name}Arn": name for name in functions}, name=job.job)
    execute(machine, {}, name="one", host=host, clock=SystemClock(0.001))
    name, event = host.calls[0]
    return functions[name].code_dir.name, event


def called(folder: str, event: Any, **variables: str) -> list[Any]:
    """What a handler answers, and which libraries its process has then."""
    given = {**os.environ, "PORTL_SECRET_S3": "testing", "AWS_REGION": "us-east-1", **variables}
    command = [sys.executable, "-c", CALL, folder, json.dumps(event)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=given)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def test_a_handler_that_reads_s3_and_keeps_its_results_there_loads_neither_boto3_nor_paramiko(tmp_path: Path) -> None:
    spec = s3_spec()
    bucket = Store(S3Driver(spec))
    bucket.write("in/a.csv", b"code\n1\n2\n")
    folder, event = first_task(READS % (spec.bucket, s3_endpoint()))
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_ENDPOINT_URL": s3_endpoint()}
    log = str(tmp_path / "log.jsonl")
    answer, loaded = called(folder, event, PORTL_RUNS=f"s3://{spec.bucket}/runs", PORTL_LOG=log, **keys)
    assert (folder, loaded, answer["rows"]["count"]) == ("csv_read", ["obstore"], 2)
    assert bucket.exists("runs/one/run.json")


def test_a_handler_that_touches_neither_s3_nor_sftp_loads_no_library_of_them(tmp_path: Path) -> None:
    folder, event = first_task(DECIDES)
    log = str(tmp_path / "log.jsonl")
    answer, loaded = called(folder, event, PORTL_RUNS=str(tmp_path / "runs"), PORTL_LOG=log)
    assert (folder, loaded, answer["branch"]) == ("conditional", [], "then")


ABSENT = "import sys; sys.modules.update(dict.fromkeys(('obstore', 'paramiko', 'cryptography'), None))\n"
ALONE = {
    "ingestor": {"code": "a", "name": "A", "payload": "{}"},
    "feed": {"batch_id": "1"},
    "outbox_drain": {"job": "a", "connections": {}},
}


@pytest.mark.parametrize("folder", ALONE)
def test_a_function_without_the_layer_of_files_works_where_its_libraries_are_not_there(folder: str) -> None:
    command = [sys.executable, "-c", ABSENT + CALL, folder, json.dumps(ALONE[folder])]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ended.returncode == 0, ended.stderr
