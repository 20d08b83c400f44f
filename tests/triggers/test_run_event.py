"""`portl run --event`: Flow A started by an event, through the handler that is deployed, on the embedded PostgreSQL."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from flows.support import FLOW_A, ROOT, Ended, portl, project, records, write_records
from portl_cli.embedded import Peer
from stores.backends import s3_endpoint, s3_spec
from triggers.support import event

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "us-east-1"}
NIGHTLY = """\
triggers:
  - id: nightly
    type: schedule
    expression: cron(0 5 * * ? *)
    params: {path: "{{ event.time[:10] }}.csv"}
"""


@dataclass
class Bucket:
    """A bucket that keeps versions; ``put`` answers the event that EventBridge would send."""

    name: str
    client: Any

    def put(self, key: str, content: bytes) -> dict[str, Any]:
        made = self.client.put_object(Bucket=self.name, Key=key, Body=content)
        told = event("s3_object_created")
        told["detail"]["bucket"]["name"] = self.name
        own = {"key": key, "size": len(content), "etag": made["ETag"].strip('"'), "version-id": made["VersionId"]}
        told["detail"]["object"] |= own
        return told


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    made = s3_spec().bucket
    keys = {"region_name": "us-east-1", "aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    client = boto3.client("s3", endpoint_url=s3_endpoint(), **keys)
    client.put_bucket_versioning(Bucket=made, VersioningConfiguration={"Status": "Enabled"})
    yield Bucket(made, client)
    client.close()


def sent(tmp_path: Path, document: dict[str, Any]) -> Path:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(document), "utf-8")
    return file


def run(tmp_path: Path, file: Path, *arguments: str, url: str, peer: Peer, **variables: str) -> Ended:
    environment = {"PG_URL": url, "NOTIFY_URL": peer.url, **variables}
    return portl(tmp_path, "run", "--event", str(file), "--init-db", *arguments, **environment)


def content(tmp_path: Path, count: int) -> bytes:
    return write_records(tmp_path / f"{count}.csv", records(count, keys=5)).read_bytes()


def runs(tmp_path: Path) -> list[str]:
    return sorted(each.name for each in (tmp_path / "runs").iterdir() if each.name != "specs")


def test_an_object_starts_flow_a_on_the_very_version_of_the_event_and_the_same_event_is_one_run(
    tmp_path: Path, postgres_url: str, query: Any, peer: Peer, bucket: Bucket
) -> None:
    told = bucket.put("resources/2026-11.csv", content(tmp_path, 12))
    bucket.put("resources/2026-11.csv", content(tmp_path, 3))  # somebody was quicker than the run
    stores = {"AWS_ENDPOINT_URL": s3_endpoint(), "RESOURCES_BUCKET": bucket.name, **KEYS}
    job = str(FLOW_A / "job.yaml")
    ended = run(tmp_path, sent(tmp_path, told), job, url=postgres_url, peer=peer, **stores)
    assert ended.code == 0, ended.err
    assert "records 12" in ended.out
    (name,) = runs(tmp_path)
    assert re.fullmatch(r"resource_sync-2026_11_csv-[0-9a-f]{16}", name)
    kept = json.loads((tmp_path / "runs" / name / "run.json").read_text("utf-8"))
    assert kept["params"] == {
        "path": f"s3://{bucket.name}/resources/2026-11.csv",
        "version": told["detail"]["object"]["version-id"],
    }
    rows = query("SELECT code, name, md5 FROM resources ORDER BY code")
    calls = len(peer.calls())
    again = run(tmp_path, sent(tmp_path, told), job, url=postgres_url, peer=peer, **stores)
    assert again.code == 0, again.err
    assert f"this event has started {name} before, and an event has one run; it is SUCCEEDED" in again.err
    assert "records 12" in again.out
    assert (runs(tmp_path), len(peer.calls())) == ([name], calls)
    assert query("SELECT code, name, md5 FROM resources ORDER BY code") == rows


def test_an_odd_key_is_read_as_it_stands(tmp_path: Path, postgres_url: str, query: Any, peer: Peer, bucket: Bucket) -> None:
    told = bucket.put("resources//a+b%20[1]*?.csv", content(tmp_path, 4))
    stores = {"AWS_ENDPOINT_URL": s3_endpoint(), "RESOURCES_BUCKET": bucket.name, **KEYS}
    ended = run(tmp_path, sent(tmp_path, told), str(FLOW_A / "job.yaml"), url=postgres_url, peer=peer, **stores)
    assert (ended.code, "records 4" in ended.out) == (0, True), ended.err


def test_a_schedule_starts_flow_a(tmp_path: Path, postgres_url: str, query: Any, peer: Peer) -> None:
    text = (FLOW_A / "job.yaml").read_text("utf-8")
    written = text[text.index("triggers:") : text.index("connections:")]
    job = project(tmp_path, {written: NIGHTLY})
    (tmp_path / "2026-11-12.csv").write_bytes(content(tmp_path, 6))
    file = ROOT / "tests" / "events" / "schedule.json"
    ended = run(tmp_path, file, str(job), url=postgres_url, peer=peer)
    assert (ended.code, "records 6" in ended.out) == (0, True), ended.err
    assert runs(tmp_path)[0].startswith("resource_sync-20261112050000-")
    again = run(tmp_path, file, str(job), url=postgres_url, peer=peer)
    assert (again.code, len(runs(tmp_path)), query("SELECT count(*) FROM resources")) == (0, 1, [(5,)])


def test_an_event_of_somebodys_own_starts_flow_a_without_its_job_being_named(
    tmp_path: Path, postgres_url: str, query: Any, peer: Peer
) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes(content(tmp_path, 6))
    told = event("custom")
    told["detail"]["path"] = str(file)
    project(tmp_path)
    where = tmp_path / "project"
    environment = {"PG_URL": postgres_url, "NOTIFY_URL": peer.url, "RESOURCES_BUCKET": "any-bucket"}
    ended = portl(where, "run", "--event", str(sent(tmp_path, told)), "--init-db", **environment)
    assert (ended.code, "records 6" in ended.out) == (0, True), ended.err
    assert query("SELECT count(*) FROM resources") == [(5,)]


def test_an_event_whose_run_failed_is_not_run_again_but_names_how_to_go_on(
    tmp_path: Path, postgres_url: str, peer: Peer
) -> None:
    told = event("custom")
    told["detail"]["path"] = "nowhere.csv"
    job, file = str(FLOW_A / "job.yaml"), sent(tmp_path, told)
    environment = {"url": postgres_url, "peer": peer, "RESOURCES_BUCKET": "any-bucket"}
    assert run(tmp_path, file, job, **environment).code == 1
    again = run(tmp_path, file, job, **environment)
    (name,) = runs(tmp_path)
    assert (again.code, f"portl run {job} --resume {name}" in again.err) == (1, True), again.err


def test_an_event_whose_run_could_not_begin_begins_it_later(tmp_path: Path, postgres_url: str, query: Any, peer: Peer) -> None:
    told = event("custom")
    file = tmp_path / "in.csv"
    file.write_bytes(content(tmp_path, 2))
    told["detail"]["path"] = str(file)
    job, file = str(FLOW_A / "job.yaml"), sent(tmp_path, told)
    early = portl(tmp_path, "run", "--event", str(file), job, RESOURCES_BUCKET="any-bucket")
    assert (early.code, "PG_URL" in early.err) == (3, True)
    ended = run(tmp_path, file, job, url=postgres_url, peer=peer, RESOURCES_BUCKET="any-bucket")
    assert (ended.code, "records 2" in ended.out) == (0, True), ended.err


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"source": "somebody"}, "no trigger takes this event; there are resource_sync dropped, resource_sync announced"),
        ([], "it is no JSON object"),
    ],
)
def test_an_event_that_nobody_takes_is_refused(tmp_path: Path, document: Any, told: str) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(document), "utf-8")
    ended = portl(tmp_path, "run", "--event", str(file), str(FLOW_A / "job.yaml"), RESOURCES_BUCKET="b")
    assert (ended.code, told in ended.err) == (2, True), ended.err


def test_an_object_of_another_bucket_starts_nothing_and_an_unset_bucket_is_named(tmp_path: Path) -> None:
    file, job = ROOT / "tests" / "events" / "s3_object_created.json", str(FLOW_A / "job.yaml")
    other = portl(tmp_path, "run", "--event", str(file), job, RESOURCES_BUCKET="another-bucket")
    unset = portl(tmp_path, "run", "--event", str(file), job)
    assert (other.code, unset.code, "RESOURCES_BUCKET" in unset.err) == (2, 3, True)


def test_an_event_and_parameters_do_not_go_together(tmp_path: Path) -> None:
    file = ROOT / "tests" / "events" / "custom.json"
    ended = portl(tmp_path, "run", "--event", str(file), str(FLOW_A / "job.yaml"), "--param", "path=a")
    assert (ended.code, "leave out --param" in ended.err) == (2, True)
    assert portl(tmp_path, "run").code == 2


@pytest.mark.parametrize("command", [("plan",), ("run", "--dry-run")])
def test_a_plan_of_an_event_is_that_of_its_parameters_and_begins_nothing(tmp_path: Path, command: tuple[str, ...]) -> None:
    told, job = event("custom"), str(FLOW_A / "job.yaml")
    told["detail"]["path"] = str(write_records(tmp_path / "in.csv", records(3, keys=2)))
    of_event = portl(tmp_path, *command, "--event", str(sent(tmp_path, told)), job, RESOURCES_BUCKET="any-bucket")
    of_params = portl(tmp_path, "plan", job, "--param", f"path={told['detail']['path']}")
    assert (of_event.code, of_event.out) == (0, of_params.out), of_event.err
    assert not (tmp_path / "runs").exists() or runs(tmp_path) == []
