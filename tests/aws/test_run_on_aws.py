"""``portl run --on aws``: an execution is started, followed, and told of as a run of this machine (bundle.md A8b)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from aws.fake_aws import FakeAws
from flows.support import Ended, portl, project, records, write_records
from portl_cli.embedded import Peer

SMALL = {"as: row}": "as: row, size: 5}"}
ONCE = {**SMALL, "retry: {max_attempts: 4, backoff_ms: 500}": "retry: {max_attempts: 1}"}
FAST = ("--time-scale", "0.02")
MOMENT = re.compile(r"resource_sync-\d{8}T\d{6}-[0-9a-f]{4}")


class Lab:
    """Flow A over twelve records, here and in the fake AWS, with one database and one peer."""

    def __init__(self, folder: Path, aws: FakeAws, postgres_url: str, peer: Peer) -> None:
        self.folder, self.aws, self.job = folder, aws, project(folder, SMALL)
        self.file = write_records(folder / "in.csv", records(12, keys=12))
        self.variables = {"PG_URL": postgres_url, "NOTIFY_URL": peer.url, "PORTL_TIME_SCALE": "0.01"}

    def change(self, change: dict[str, str]) -> None:
        project(self.folder, change)

    def deploy(self) -> None:
        self.aws.deploy(self.job, **self.variables)

    def on_aws(self, *options: str, new: bool = True, **variables: str) -> Ended:
        given = ("--param", f"path={self.file}") if new else ()
        command = ("run", str(self.job), *given, "--on", "aws", *options, *FAST)
        return portl(self.folder, *command, **self.aws.variables(**variables))

    def here(self, *options: str) -> Ended:
        command = ("run", str(self.job), "--param", f"path={self.file}", *options, "--host", "inline", *FAST)
        return portl(self.folder, *command, **self.variables)


@pytest.fixture
def lab(tmp_path: Path, aws: FakeAws, postgres_url: str, peer: Peer) -> Lab:
    return Lab(tmp_path, aws, postgres_url, peer)


def run_of(ended: Ended) -> str:
    return re.findall(r"^run (\S+)", ended.err + ended.out, re.MULTILINE)[0]


def told(text: str) -> list[str]:
    return [MOMENT.sub("RUN", line) for line in text.splitlines()]


def test_a_run_on_aws_ends_with_the_summary_of_the_same_run_here(lab: Lab, query: Any) -> None:
    lab.deploy()
    here = lab.here("--init-db")
    assert here.code == 0, here.err
    query_rows = query("SELECT code, md5 FROM resources ORDER BY code")
    query("DELETE FROM resources_versions")
    query("DELETE FROM resources")
    there = lab.on_aws("--new-key")
    assert there.code == 0, there.err + (lab.folder / "aws" / "lambda.log").read_text()
    assert told(there.out) == told(here.out)
    assert query("SELECT code, md5 FROM resources ORDER BY code") == query_rows


def test_its_progress_is_told_state_by_state_and_chunk_by_chunk(lab: Lab) -> None:
    lab.deploy()
    lab.here("--init-db")
    there = lab.on_aws("--json", "--new-key")
    assert there.code == 0, there.err
    events = [json.loads(line) for line in there.out.splitlines()]
    entered = [each["state"] for each in events if each["event"] == "state_entered"]
    assert entered[:3] == ["read_csv", "enrich per chunk", "resource to latest in one transaction"]
    chunks = [each for each in events if each["event"] == "progress" and each["step"] == "enrich, chunks"]
    assert (chunks[-1]["done"], chunks[-1]["of"]) == (3, 3)
    assert (events[0]["event"], events[-1]["event"]) == ("run_started", "run_succeeded")
    assert events[0]["execution"] == lab.aws.execution(events[0]["run"])
    assert events[-1]["summary"]["records"] == 12


def test_a_run_that_fails_on_aws_says_where_and_why_and_goes_on_there(lab: Lab, query: Any, peer: Peer) -> None:
    lab.change(ONCE)
    lab.deploy()
    lab.here("--init-db")
    query("DELETE FROM resources_versions")
    query("DELETE FROM resources")
    httpx.post(f"{peer.url}/_script", json={"status": 422, "every": 8, "times": 1})
    failed = lab.on_aws("--new-key")
    run = run_of(failed)
    assert failed.code == 1, failed.err
    assert re.search(r"failed in announce_\w+ \(api.call\), record \d", failed.err), failed.err
    assert "  cause   H1" in failed.err
    assert f"  again   portl run {lab.job} --resume {run} --on aws --stack {lab.aws.stack}\n" in failed.err
    resumed = lab.on_aws("--resume", run, new=False)
    assert resumed.code == 0, resumed.err
    assert f"  reused of {run}: read_csv 12, enrich 12, resource 12, latest_before 12" in resumed.out
    keys = [each["headers"]["idempotency-key"] for each in peer.calls() if each["status"] < 400]
    assert len(keys) == len(set(keys))


def test_resume_starts_a_new_execution_of_the_definition_that_is_deployed_now(lab: Lab, query: Any) -> None:
    """A8b: Step Functions' own redrive would keep the definition that failed."""
    named = '      name: "{{ row.name }}"\n      slug'
    lab.change({**SMALL, named: named.replace('"{{ row.name }}"', '{from: "{{ row.name }}", type: date}')})
    lab.deploy()
    lab.here("--init-db")
    failed = lab.on_aws()
    assert (failed.code, "M102" in failed.err) == (1, True), failed.err
    lab.change({**SMALL, named: named.replace("row.name }}", "row.name | upper }}")})
    old = lab.on_aws("--resume", run_of(failed), new=False)
    assert (old.code, old.err.split()[0]) == (3, "V167"), old.err
    lab.deploy()
    resumed = lab.on_aws("--resume", run_of(failed), new=False)
    assert resumed.code == 0, resumed.err
    assert "enrich 12; done: resource, " in resumed.out
    assert query("SELECT name FROM resources WHERE code = 'R-000'") == [("NAME 0 «É»",)]
