"""An API's answer in pages becomes rows, each page once, whatever happens in between (jobs.md S5: paginate)."""

from __future__ import annotations

import json
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.paging_peer import start_paging_peer
from flows.support import ROOT, Ended, portl, start
from portl_cli.embedded import Peer

SCALE = "0.02"
HEAD = """\
version: 2
job: pull
connections:
  api: {type: http, base_url: "${env:API_URL}", headers: {Authorization: "Bearer ${secret:api/token}"}}
steps:
"""
KEEP = """
  - {id: kept, type: file.write, path: out.jsonl, rows: "{{ steps.pull.rows }}", format: jsonl, overwrite: replace}
"""
TOKEN = "planted-secret-token"


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Peer]:
    with start_paging_peer(tmp_path / "pages.jsonl") as peer:
        yield peer


@pytest.fixture
def job(tmp_path: Path) -> Any:
    """Writes a job of one api.call and a file of its rows; answers the job's file."""

    def write(call: str, rest: str = KEEP) -> Path:
        folder = tmp_path / "project" / "statemachines" / "pull"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("functions", "layers", "template.yaml"):
            if not (tmp_path / "project" / name).exists():
                (tmp_path / "project" / name).symlink_to(ROOT / name)
        (folder / "job.yaml").write_text(f"{HEAD}  - id: pull\n    type: api.call\n{call}{rest}", "utf-8")
        return folder / "job.yaml"

    return write


def run(tmp_path: Path, peer: Peer, file: Path, *options: str) -> Ended:
    given = {"API_URL": peer.url, "PORTL_SECRET_API_TOKEN": TOKEN}
    return portl(tmp_path, "run", str(file), "--time-scale", SCALE, "--host", "inline", *options, **given)


def written(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]


def records(count: int) -> list[dict[str, Any]]:
    return [{"code": f"I-{at}", "n": at} for at in range(count)]


def asked(peer: Peer) -> list[tuple[str, int]]:
    """Each call's page, and what it was answered."""
    found = []
    for call in peer.calls():
        page = re.search(r"[?&]page=(\d+)", call["path"])
        body = call["body"] or {}
        found.append((page[1] if page else str(body.get("page", 1)), call["status"]))
    return found


def call(path: str, following: str, items: str = "$.items", more: str = "") -> str:
    return f"    path: {path}\n    query: {{total: 47}}\n    paginate: {{next: {following}, items: '{items}'}}\n{more}"


WAYS = {
    "link": call("/link", '"{{ response.links.next }}"', "{{ response.json }}"),
    "url": call("/url", '"{{ response.json.next }}"'),
    "relative": call("/relative", '"{{ response.json.next }}"', "$.items[*]"),
    "cursor": call("/cursor", '{query: {page: "{{ response.json.cursor }}"}}', "{{ response.json.data.items }}"),
    "number": call("/number", '{query: {page: "{{ page + 1 if response.json | length == 10 else none }}"}}', "$"),
    "body": """\
    method: POST
    path: /body
    json: {total: 47, size: 10}
    paginate: {next: {json: {page: "{{ response.json.cursor }}"}}, items: $.data.items}
""",
}


@pytest.mark.parametrize("way", WAYS)
def test_every_page_is_asked_for_once_and_its_records_become_rows_in_order(
    tmp_path: Path, pages: Peer, job: Any, way: str
) -> None:
    ended = run(tmp_path, pages, job(WAYS[way]))
    assert ended.code == 0, ended.err
    assert written(tmp_path) == records(47)
    assert asked(pages) == [(str(page), 200) for page in range(1, 6)]
    assert len({call["headers"]["idempotency-key"] for call in pages.calls()}) == 5, "each page has a key of its own"
    assert re.findall(r"pull +api\.call +(.*)", ended.out) == ["47 read, 5 called"]
    assert "calls 5," in ended.out
    assert {call["headers"]["authorization"] for call in pages.calls()} == {f"Bearer {TOKEN}"}


def test_a_batch_goes_over_the_records_of_all_pages_and_expressions_read_count_and_pages(
    tmp_path: Path, pages: Peer, job: Any
) -> None:
    rest = """
  - id: tell
    type: api.call
    batch: {from: "{{ steps.pull.rows }}", as: item, size: 7}
    method: POST
    path: /seen
    json: {code: "{{ item.code }}", of: "{{ steps.pull.count }}", pages: "{{ steps.pull.pages }}"}
"""
    ended = run(tmp_path, pages, job(WAYS["url"], rest))
    assert ended.code == 0, ended.err
    told = [call["body"] for call in pages.calls() if call["path"] == "/seen"]
    assert sorted(told, key=lambda body: int(body["code"][2:])) == [
        {"code": record["code"], "of": 47, "pages": 5} for record in records(47)
    ]


def test_a_page_that_is_refused_is_waited_for_in_a_wait_state_and_no_page_before_it_is_asked_for_again(
    tmp_path: Path, pages: Peer, job: Any
) -> None:
    httpx.post(f"{pages.url}/_script", json={"status": 429, "every": 3, "times": 2, "retry_after": 30})
    ended = run(tmp_path, pages, job(WAYS["url"]))
    assert ended.code == 0, ended.err
    assert written(tmp_path) == records(47)
    assert asked(pages) == [("1", 200), ("2", 200), ("3", 429), ("3", 200), ("4", 200), ("5", 429), ("5", 200)]
    keys = {(page, call["headers"]["idempotency-key"]) for (page, _), call in zip(asked(pages), pages.calls(), strict=True)}
    assert len(keys) == 5, "a page that is asked for again has its first key"
    (history,) = (tmp_path / "runs").glob("*/history.jsonl")
    kinds = Counter(json.loads(line)["type"] for line in history.read_text("utf-8").splitlines())
    assert kinds["WaitStateEntered"] == 2


def test_each_page_has_the_attempts_of_retry_for_itself(tmp_path: Path, pages: Peer, job: Any) -> None:
    httpx.post(f"{pages.url}/_script", json={"status": 503, "every": 2, "times": 4})
    ended = run(
        tmp_path, pages, job(call("/url", '"{{ response.json.next }}"', more="    retry: {max_attempts: 2, backoff_ms: 1}\n"))
    )
    assert (ended.code, written(tmp_path)) == (0, records(47)), ended.err
    assert Counter(status for _, status in asked(pages)) == {200: 5, 503: 4}


def test_a_page_that_fails_for_good_ends_the_run_and_a_resumed_one_goes_on_at_that_page(
    tmp_path: Path, pages: Peer, job: Any
) -> None:
    httpx.post(f"{pages.url}/_script", json={"status": 403, "every": 4, "times": 1})
    file = job(WAYS["cursor"])
    failed = run(tmp_path, pages, file)
    assert (failed.code, "H101 GET" in failed.err, "answered 403" in failed.err) == (1, True, True), failed.err
    assert not (tmp_path / "out.jsonl").exists()
    ended = run(tmp_path, pages, file, "--resume", first_run(tmp_path))
    assert ended.code == 0, ended.err
    assert written(tmp_path) == records(47)
    assert asked(pages) == [("1", 200), ("2", 200), ("3", 200), ("4", 403), ("4", 200), ("5", 200)]


def test_a_run_that_is_killed_between_pages_is_resumed_without_losing_or_doubling_one(
    tmp_path: Path, pages: Peer, job: Any
) -> None:
    file = job(call("/url", '"{{ response.json.next }}"', more="    rate: 5/s\n"))
    variables = {"API_URL": pages.url, "PORTL_SECRET_API_TOKEN": TOKEN}
    running = start(tmp_path, "run", str(file), "--host", "inline", **variables)
    ends = time.monotonic() + 60
    while len(pages.calls()) < 3:
        assert time.monotonic() < ends
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    ended = run(tmp_path, pages, file, "--resume", first_run(tmp_path))
    assert ended.code == 0, ended.err
    assert written(tmp_path) == records(47)
    often = Counter(page for page, _ in asked(pages))
    assert sorted(often) == ["1", "2", "3", "4", "5"]
    assert (often["1"], often["5"], sum(often.values()) <= 6) == (1, 1, True), "at most the page under way is asked for twice"


def first_run(tmp_path: Path) -> str:
    return min(folder.name for folder in (tmp_path / "runs").glob("pull-*"))


def test_pages_that_lead_to_one_another_end_the_run(tmp_path: Path, pages: Peer, job: Any) -> None:
    ended = run(tmp_path, pages, job(call("/loop", '"{{ response.json.next }}"')))
    assert (ended.code, len(pages.calls())) == (1, 2), ended.err
    assert "H108 page 2 leads to a page that was read before" in ended.err


def test_more_pages_than_max_end_the_run_before_the_next_is_asked_for(tmp_path: Path, pages: Peer, job: Any) -> None:
    few = WAYS["url"].replace("items: '$.items'", "items: '$.items', max: 3")
    ended = run(tmp_path, pages, job(few))
    assert (ended.code, len(pages.calls())) == (1, 3)
    assert "H109 there are more than 3 pages" in ended.err
    enough = WAYS["url"].replace("items: '$.items'", "items: '$.items', max: 5")
    assert run(tmp_path, pages, job(enough)).code == 0


def test_what_is_no_list_is_said_with_the_page(tmp_path: Path, pages: Peer, job: Any) -> None:
    ended = run(tmp_path, pages, job(call("/none", '"{{ response.json.next }}"')))
    assert ended.code == 1
    assert 'H110 paginate.items gives no list on page 1, but "what?"' in ended.err


def test_a_reference_that_a_page_does_not_have_is_an_error_and_not_the_end(tmp_path: Path, pages: Peer, job: Any) -> None:
    ended = run(tmp_path, pages, job(call("/url", '"{{ response.json.nxt }}"')))
    assert (ended.code, "T110" in ended.err, "did you mean `next`?" in ended.err) == (1, True, True), ended.err


def test_another_host_is_refused_and_gets_no_header_when_it_is_allowed(
    tmp_path: Path, pages: Peer, peer: Peer, job: Any
) -> None:
    there = call("/away", '"{{ response.json.next | default(none) }}"', "{{ response.json.items | default([]) }}")
    away = there.replace("total: 47", f'total: 9, to: "{peer.url}/elsewhere"')
    away += '    headers: {X-Api-Key: "${secret:api/token}"}\n'
    refused = run(tmp_path, pages, job(away))
    assert (refused.code, peer.calls()) == (1, [])
    assert f"H107 the next page is on another host: {peer.url}" in refused.err
    host = peer.url.removeprefix("http://")
    allowed = run(tmp_path, pages, job(away.replace("default([]) }}'", f"default([]) }}}}', hosts: ['{host}']")))
    assert allowed.code == 0, allowed.err
    (foreign,) = peer.calls()
    assert foreign["path"] == "/elsewhere"
    assert foreign["headers"].keys() <= {"host", "accept", "accept-encoding", "connection", "user-agent"}
    assert TOKEN not in json.dumps(foreign)


def test_a_plan_shows_the_first_request_and_how_the_next_is_found_and_sends_nothing(
    tmp_path: Path, pages: Peer, job: Any
) -> None:
    given = {"API_URL": pages.url, "PORTL_SECRET_API_TOKEN": TOKEN}
    ended = portl(tmp_path, "plan", str(job(WAYS["cursor"])), **given)
    assert (ended.code, pages.calls()) == (0, []), ended.err
    assert re.sub(r"127.0.0.1:\d+", "peer", ended.out).splitlines()[2:9] == [
        "pull  api.call, api: how many records it gives only a run will tell",
        "    GET http://peer/cursor  query total=47",
        "    Authorization: Bearer ***",
        "    Idempotency-Key: <key of run.id, pull>",
        '    <next page>: {"query": {"page": "{{ response.json.cursor }}"}}, 1,000 pages at most',
        "      each gives {{ response.json.data.items }}",
        "",
    ], ended.out


def test_a_plan_holds_the_very_request_that_a_run_begins_with(tmp_path: Path, pages: Peer, job: Any) -> None:
    file = job(WAYS["cursor"])
    given = {"API_URL": pages.url, "PORTL_SECRET_API_TOKEN": TOKEN}
    planned = json.loads(portl(tmp_path, "plan", str(file), "--json", **given).out.splitlines()[0])
    assert run(tmp_path, pages, file, "--intents").code == 0
    (kept,) = (tmp_path / "runs").glob("*/intents.jsonl")
    done = json.loads(kept.read_text("utf-8").splitlines()[0])
    for each in (planned, done):
        del each["headers"]["Idempotency-Key"]  # of a run that has not begun nobody knows it
    assert planned == done


MISTAKES = {
    'paginate: {next: "/x"}': ("J004", "every page would lead to the same one"),
    "paginate: {next: {}}": ("J004", "next says neither query nor json"),
    'paginate: {next: {json: {a: "{{ response.json.a }}"}}}': ("J004", "the first request has no json"),
    'paginate: {next: "{{ respons.json.next }}"}': ("J206", 'there is nothing called "respons" here'),
    'paginate: {next: "{{ response.json.next }}", items: "$.["}': ("J004", "items is no JSONPath"),
    'paginate: {next: "{{ response.json.next }}", max: 0}': ("J004", "max"),
    'paginate: {next: "{{ response.json.next }}"}\n    batch: {from: "{{ [1] }}"}': ("J217", "pages are read once"),
    'rate: 10 per second\n    paginate: {next: "{{ response.json.next }}"}': ("J004", "such as 10/s"),
    'rate: {requests: 1, per_s: 7200}\n    paginate: {next: "{{ response.json.next }}"}': ("J004", "less than one an hour"),
    'rate: 1/min\n    paginate: {next: "{{ response.json.next }}", max: 5000}': (
        "J004",
        "more than a state machine can remember",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_place_before_anything_runs(tmp_path: Path, job: Any, mistake: str) -> None:
    code, text = MISTAKES[mistake]
    ended = portl(tmp_path, "check", str(job(f"    path: /x\n    {mistake}\n", "")))
    assert ended.code == 2, ended.out
    assert re.search(rf"job\.yaml:\d+:\d+.* {code} .*{re.escape(text)}", ended.err), ended.err
