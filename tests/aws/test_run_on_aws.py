"""``portl run --on aws``: an execution is started, followed, and told of as a run of this machine (bundle.md A8b)."""

from __future__ import annotations

import json
import re
import signal
from typing import Any

import httpx
import pytest

from aws.lab import ONCE, SMALL, Lab, run_of
from flows.support import portl
from portl_cli.embedded import Peer

MOMENT = re.compile(r"resource_sync-\d{8}T\d{6}-[0-9a-f]{4}")


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


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
def test_an_interrupt_ends_the_following_and_leaves_the_execution_running(lab: Lab, query: Any) -> None:
    lab.deploy()
    lab.here("--init-db")
    query("DELETE FROM resources_versions")
    query("DELETE FROM resources")
    following = lab.started("--new-key")
    run = next(line for line in following.stderr if line.startswith("run ")).split()[1]
    lab.aws.pause(run)
    following.send_signal(signal.SIGINT)
    _, err = following.communicate(timeout=60)
    assert following.returncode == 130, err
    assert err.splitlines()[-3:] == [
        "left running on AWS: only the following has ended",
        f"  follow  portl run {lab.job} --follow {run} --on aws --stack {lab.aws.stack}",
        f"  stop    aws stepfunctions stop-execution --region eu-central-1 --execution-arn {lab.aws.execution(run)}",
    ]
    shown = portl(lab.folder, "runs", "show", run)
    assert shown.out.splitlines()[0] == f"run {run}: running"
    lab.aws.go_on(run)
    ended = lab.on_aws("--follow", run, new=False)
    assert (ended.code, query("SELECT count(*) FROM resources")) == (0, [(12,)]), ended.err
    assert portl(lab.folder, "runs", "show", run).out.splitlines()[0] == f"run {run}: done"


@pytest.mark.long
def test_a_run_that_was_only_started_is_followed_later_from_anywhere(lab: Lab) -> None:
    lab.deploy()
    lab.here("--init-db")
    begun = lab.on_aws("--new-key", "--no-wait")
    run = run_of(begun)
    assert (begun.code, begun.out.splitlines()[2]) == (
        0,
        f"  follow  portl run {lab.job} --follow {run} --on aws --stack {lab.aws.stack}",
    )
    ended = lab.on_aws("--follow", run, new=False)
    assert (ended.code, "  records 12\n" in ended.out) == (0, True), ended.err
    assert lab.aws.asked["StartExecution"] == 1


@pytest.mark.long
def test_an_execution_that_somebody_stops_has_failed_and_says_so(lab: Lab) -> None:
    lab.deploy()
    lab.here("--init-db")
    following = lab.started("--new-key")
    run = next(line for line in following.stderr if line.startswith("run ")).split()[1]
    next(line for line in following.stderr if "read_csv …" in line)
    lab.aws.pause(run)
    lab.aws.stop(run, "the wrong file")
    _, err = following.communicate(timeout=60)
    assert following.returncode == 1, err
    assert "failed: Operator: the wrong file\n" in err
    assert "nothing was written and no API was called" in err


@pytest.mark.long
def test_a_run_whose_bucket_cannot_be_read_ends_without_its_counts(lab: Lab) -> None:
    """Another stack's name: its machine is there, and no bucket."""
    lab.aws.stack += "-other"
    lab.deploy()
    lab.here("--init-db")
    ended = lab.on_aws("--new-key")
    assert ended.code == 0, ended.err
    assert "the run bucket cannot be read, so counts are left out: V162 " in ended.err
    assert "  records 0\n" in ended.out
    assert "  state transitions " in ended.out
    assert "  read_csv " not in ended.out


@pytest.mark.long
def test_a_run_on_aws_is_gone_on_with_there_only(lab: Lab) -> None:
    lab.deploy()
    failed = lab.on_aws()  # there are no tables
    run = run_of(failed)
    assert failed.code == 1, failed.err
    here = portl(lab.folder, "run", str(lab.job), "--resume", run, **lab.variables)
    assert (here.code, here.err) == (
        2,
        f"Error: {run} was on AWS, in the stack {lab.aws.stack}: --resume {run} --on aws goes on with it there\n",
    )
    replayed = portl(lab.folder, "runs", "replay", run, "--step", "announce_resource", "--item", "1")
    assert (replayed.code, f"{run} was on AWS" in replayed.err) == (2, True)
    unknown = lab.on_aws("--resume", "resource_sync-20260101T000000-ffff", new=False)
    assert (unknown.code, "R151 there is no run resource_sync-20260101T000000-ffff" in unknown.err) == (2, True), unknown.err
    newest = lab.on_aws("--from", "resource", new=False)
    assert (newest.code, f"reused of {run}: read_csv 12, enrich 12" in newest.err) == (1, True), newest.err
