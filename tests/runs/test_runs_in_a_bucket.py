"""The runs are kept under an S3 prefix as they are in a folder: the same job leaves the same objects there."""

import json

import pytest

from portl.connections import CONNECTION_TYPES, FakeInvoker, use_invoker
from portl.jobs import parse_job
from portl.steps import STEP_TYPES
from portl.stores import S3Driver, Store, open_store
from portl_cli.compile import compile_job
from portl_cli.engine import InlineHost, SystemClock, execute, load_machine, load_template
from stores.backends import s3_endpoint, s3_spec

JOB = """\
version: 2
job: scored
params: {path: {type: string, required: true}}
run_key: "{{ checksum(params.path) }}"
connections:
  lake: {type: s3, bucket: %s, region: us-east-1, endpoint: "%s", access_key_id: testing, secret_access_key: "${secret:s3}"}
  score: {type: lambda, function: score}
steps:
  - {id: read, type: csv.read, path: "{{ params.path }}"}
  - id: scored
    type: lambda.invoke
    batch: {from: "{{ steps.read.rows }}", as: row, size: 2}
    payload: {code: "{{ row.code }}"}
"""


def run(root, bucket, path, template):
    job, findings = parse_job((JOB % (bucket, s3_endpoint())).encode(), "job.yaml", STEP_TYPES, CONNECTION_TYPES)
    assert findings == []
    found = compile_job(job, lambda _: 900)
    functions = load_template(template).functions
    machine = load_machine(found.definition, substitutions={f"{name}Arn": name for name in functions}, name=job.job)
    return execute(machine, {"path": path}, name="one", host=InlineHost(functions), clock=SystemClock(0.001))


def kept(store):
    """What a run leaves, but for its times and for where it stands."""
    texts = {each.path: store.read(each.path).decode() for each in store.list("", recursive=True)}
    texts["one/run.json"] = json.dumps({**json.loads(texts["one/run.json"]), "started_at": ""})
    return texts


@pytest.fixture
def scored():
    invoker = FakeInvoker({"score": lambda payload: {"seen": payload["code"]}})
    use_invoker(invoker)
    yield invoker
    use_invoker(None)


def test_a_run_kept_in_a_bucket_is_the_one_kept_in_a_folder(monkeypatch, tmp_path, scored, pytestconfig):
    spec = s3_spec()
    bucket = Store(S3Driver(spec))
    bucket.write("in/a.csv", b"code\n1\n2\n3\n")
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "testing"),
        ("AWS_SECRET_ACCESS_KEY", "testing"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", s3_endpoint()),
        ("PORTL_SECRET_S3", "testing"),
        ("PORTL_LOG", str(tmp_path / "log.jsonl")),
    ):
        monkeypatch.setenv(name, value)
    template = pytestconfig.rootpath / "template.yaml"
    found = {}
    for name, root in (("bucket", f"s3://{spec.bucket}/runs"), ("folder", str(tmp_path / "runs"))):
        monkeypatch.setenv("PORTL_RUNS", root)
        ended = run(root, spec.bucket, "lake:in/a.csv", template)
        assert ended.status == "SUCCEEDED", ended.cause
        found[name] = kept(open_store(root))
    assert found["bucket"] == found["folder"]
    assert json.loads(found["bucket"]["one/results/scored/00001.jsonl"]) == {"seen": "3"}
    assert [payload["code"] for _, payload in scored.calls] == ["1", "2", "3"] * 2


def test_two_names_of_one_file_are_one_run_key(monkeypatch, tmp_path, scored, pytestconfig):
    spec = s3_spec()
    Store(S3Driver(spec)).write("in/a.csv", b"code\n1\n")
    (tmp_path / "a.csv").write_bytes(b"code\n1\n")
    monkeypatch.setenv("PORTL_SECRET_S3", "testing")
    monkeypatch.setenv("PORTL_LOG", str(tmp_path / "log.jsonl"))
    keys = []
    for number, path in enumerate(("lake:in/a.csv", str(tmp_path / "a.csv"))):
        monkeypatch.setenv("PORTL_RUNS", str(tmp_path / f"runs{number}"))
        ended = run("", spec.bucket, path, pytestconfig.rootpath / "template.yaml")
        assert ended.status == "SUCCEEDED", ended.cause
        keys.append(json.loads((tmp_path / f"runs{number}/one/run.json").read_text())["key"])
    assert keys[0] == keys[1]
