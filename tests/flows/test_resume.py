"""Fix and resume: a corrected job takes from the run that failed what has not changed (jobs.md R1, design 6 point 5)."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.support import Ended, portl, project, records, write_records
from portl_cli.embedded import Peer

ROWS = "SELECT r.code, r.name, r.md5, v.version_number FROM resources r JOIN resources_versions v ON v.resource_id = r.id"
QUICK = ("--host", "inline", "--time-scale", "0.01")
SMALL = {"as: row}": "as: row, size: 5}"}


@pytest.fixture
def run(tmp_path: Path, postgres_url: str, peer: Peer) -> Any:
    """Runs Flow A, some of its text changed, over twelve records or those given."""

    def go(change: dict[str, str] | None = None, *options: str, given: Any = None) -> Ended:
        job = project(tmp_path, {**SMALL, **(change or {})})
        if given is not None or not (tmp_path / "in.csv").exists():
            write_records(tmp_path / "in.csv", records(12, keys=12) if given is None else given)
        begin = () if "--resume" in options or "--from" in options else ("--param", f"path={tmp_path / 'in.csv'}", "--init-db")
        return portl(tmp_path, "run", str(job), *begin, *options, *QUICK, PG_URL=postgres_url, NOTIFY_URL=peer.url)

    return go


def run_id(ended: Ended) -> str:
    return re.findall(r"^run (\S+)", ended.err, re.MULTILINE)[0]


def sent(peer: Peer) -> Counter[tuple[str, str]]:
    """How often each call came: by its path and its idempotency key."""
    return Counter((call["path"], call["headers"]["idempotency-key"]) for call in peer.calls() if call["status"] < 400)


RETRIES = {"retry: {max_attempts: 4, backoff_ms: 500}": "retry: {max_attempts: 1}"}
NAMED = """      name: "{{ row.name }}"
      slug: "{{ steps.enrich[idx].slug }}"
      md5: "{{ steps.enrich[idx].md5 }}"
      updated"""


def test_a_run_that_failed_at_its_calls_goes_on_there_and_sends_nothing_again_that_was_answered(
    run: Any, query: Any, peer: Peer, tmp_path: Path
) -> None:
    httpx.post(f"{peer.url}/_script", json={"status": 422, "every": 8, "times": 1})
    failed = run(RETRIES)
    first = run_id(failed)
    assert failed.code == 1, failed.err
    assert f"  again   portl run {tmp_path}/project/statemachines/resource_sync/job.yaml --resume {first}\n" in failed.err
    rows, before = query(ROWS), sent(peer)
    assert (len(rows), len(before)) == (12, 9)
    resumed = run(None, "--resume", first)
    assert resumed.code == 0, resumed.err
    assert query(ROWS) == rows
    assert (len(sent(peer)), set(sent(peer).values())) == (24, {1})
    taken = "read_csv 12, enrich 12, resource 12, latest_before 12, new_version 12, insert_version 12, "
    taken += "announce_resource 5, latest 12"
    assert f"  reused of {first}: {taken}; done: announce_resource, announce_version\n" in resumed.out
    assert "  records 12\n" in resumed.out
    shown = portl(tmp_path, "runs", "show", run_id(resumed), "--json")
    assert {name: json.loads(shown.out)[name] for name in ("base", "done")} == {
        "base": first,
        "done": ["announce_resource", "announce_version"],
    }


def test_a_function_that_failed_on_a_record_is_called_again_for_that_record_only(
    run: Any, query: Any, peer: Peer, tmp_path: Path
) -> None:
    own = "import pathlib\nasked = pathlib.Path(__file__).with_name('asked')\ndef enrich(event, _):\n"
    own += "    with asked.open('a') as file:\n        file.write(event['code'] + '\\n')\n"
    answer = "    return {'md5': 'm' + event['code'], 'slug': 's', 'status': 'draft'}\n"
    change = {"function: ingestor": "function: 'own.py:enrich'", "max_attempts: 4": "max_attempts: 1"}
    file = project(tmp_path, {**SMALL, **change}).parent / "own.py"
    file.write_text(own + "    assert event['code'] != 'R-001', 'not today'\n" + answer, "utf-8")
    failed = run(change)
    assert (failed.code, query("SELECT count(*) FROM resources")) == (1, [(0,)]), failed.err
    at = next(place for place, record in enumerate(records(12, keys=12)) if record["code"] == "R-001")
    assert f"enrich (lambda.invoke), record {at + 1}" in failed.err
    file.write_text(own + answer, "utf-8")
    resumed = run(change, "--resume", run_id(failed))
    assert (resumed.code, query("SELECT count(*) FROM resources")) == (0, [(12,)]), resumed.err
    asked = Counter((file.parent / "asked").read_text("utf-8").split())
    assert asked == Counter({record["code"]: 1 for record in records(12, keys=12)}) + Counter({"R-001": 1})


def test_a_mapping_corrected_before_anything_was_committed_reuses_the_calls_before_it(run: Any, query: Any) -> None:
    broken = {NAMED: NAMED.replace('"{{ row.name }}"', '{from: "{{ row.name }}", type: date}')}
    failed = run(broken)
    assert (failed.code, query("SELECT count(*) FROM resources")) == (1, [(0,)]), failed.err
    resumed = run({NAMED: NAMED.replace("row.name }}", "row.name | upper }}")}, "--resume", run_id(failed))
    assert resumed.code == 0, resumed.err
    assert "read_csv 12, enrich 12; done: resource, " in resumed.out
    assert query("SELECT name FROM resources WHERE code = 'R-000'") == [("NAME 0 «É»",)]


def test_what_was_committed_and_would_write_twice_is_refused_and_from_goes_on_behind_it(
    run: Any, query: Any, peer: Peer
) -> None:
    httpx.post(f"{peer.url}/_script", json={"status": 422, "every": 8, "times": 1})
    failed = run()
    rows = query(ROWS)
    change = {NAMED: NAMED.replace("row.name }}", "row.name | upper }}")}
    refused = run(change, "--resume", run_id(failed))
    assert (refused.code, "R121" in refused.err, "--from" in refused.err) == (1, True, True), refused.err
    assert query(ROWS) == rows
    assert "stays; its calls that were open still are" in refused.err
    again = run(change, "--resume", run_id(refused), "--from", "announce_version")
    assert (again.code, "R155" in again.err) == (1, True), again.err
    gone_on = run(change, "--resume", run_id(refused), "--from", "announce_resource")
    assert gone_on.code == 0, gone_on.err
    assert (query(ROWS), len(sent(peer)), max(sent(peer).values())) == (rows, 24, 3)
    assert "done: announce_resource, announce_version\n" in gone_on.out
