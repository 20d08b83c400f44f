"""The page that a run leaves: what it tells of runs that went well, waited, failed, were interrupted or killed."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from conftest import connect
from flows.support import Ended, portl, project, records, start, write_records
from page.support import Page, browse, read_page
from portl_cli.embedded import Peer
from portl_cli.page import Course

SECRET = "t0ken/of+the=api"
HOSTILE = "<script>alert(1)</script>'\"&amp; --></style><img src=x onerror=alert(2)>"


def run(tmp_path: Path, given: list[dict[str, str]], url: str, peer: Peer, *more: str, **variables: str) -> Ended:
    file = write_records(tmp_path / "in.csv", given)
    job = project(tmp_path, {"as: row}": "as: row, size: 10}"})
    arguments = ("run", str(job), "--param", f"path={file}", "--init-db", *more)
    return portl(tmp_path, *arguments, PG_URL=url, NOTIFY_URL=peer.url, **variables)


def the_run(tmp_path: Path) -> Path:
    (folder,) = [each for each in (tmp_path / "runs").iterdir() if each.name != "specs"]
    return folder


def test_the_page_of_a_run_that_waited_tells_every_state_step_and_wait(tmp_path: Path, postgres_url: str, peer: Peer) -> None:
    httpx.post(f"{peer.url}/_script", json={"status": 429, "every": 5, "times": 2, "retry_after": 7})
    ended = run(tmp_path, records(30, keys=30), postgres_url, peer, "--time-scale", "0.01")
    assert ended.code == 0, ended.err
    folder = the_run(tmp_path)
    page, kept = read_page(folder), json.loads((folder / "ended.json").read_text("utf-8"))
    course = Course.read(folder / "history.jsonl")
    assert f"run page runs/{folder.name}/index.html" in ended.out
    assert (page.status, page.loaded) == ("done", [])
    assert {name: outcome for name, (outcome, _) in page.states.items()} == {
        "read_csv": "done",
        "enrich per chunk": "done",
        "enrich": "done",
        "enrich waits as told": "none",
        "resource to latest in one transaction": "done",
        "announce_resource to announce_version per chunk": "done",
        "announce_resource": "waited",
        "announce_resource waits as told": "waited",
        "announce_version": "done",
        "announce_version waits as told": "none",
    }
    counts = {name: count.split(" · ")[0] for name, (_, count) in page.states.items()}
    times = course.states["announce_resource waits as told"].entered
    assert counts == {
        "read_csv": "30 records",
        "enrich per chunk": "3 chunks",
        "enrich": "30 records",
        "enrich waits as told": "not reached",
        "resource to latest in one transaction": "30 records",
        "announce_resource to announce_version per chunk": "3 chunks",
        "announce_resource": "30 records",
        "announce_resource waits as told": f"{times} wait{'s' if times > 1 else ''}",
        "announce_version": "30 records",
        "announce_version waits as told": "not reached",
    }
    together, *_ = transaction = page.rows("Steps")[2]
    assert (together, len(transaction)) == ("resource to latest in one transaction commits or rolls back as one", 5)
    assert [row[:4] for row in page.rows("Steps") if row != transaction] == [
        ["read_csv", "csv.read", "30", "30 read"],
        ["enrich", "lambda.invoke", "30", "30 invoked"],
        ["resource", "db.upsert", "30", "30 inserted"],
        ["latest_before", "db.query_one", "30", "30 not found"],
        ["new_version", "conditional", "30", "30 then"],
        ["insert_version", "db.insert", "30", "30 inserted"],
        ["update_version", "db.update", "", ""],
        ["latest", "db.query_one", "30", "30 found"],
        ["announce_resource after the commit", "api.call", "30", "30 called"],
        ["announce_version after the commit", "api.call", "30", "30 called"],
    ]
    assert [row[:2] for row in page.rows("Waits")] == [["announce_resource waits as told", str(times)]]
    assert {row[1] for row in page.rows("Chunks that did not go through at once")} == {"announce_resource"}
    assert len(page.rows("Log")) == len((folder / "log.jsonl").read_text("utf-8").splitlines())
    assert (course.transitions, course.children) == (kept["transitions"], 6)
    assert (kept["status"], kept["records"], kept["steps"]["announce_version"]) == ("SUCCEEDED", 30, {"called": 30})


def test_the_page_of_a_failed_run_says_where_why_and_what_to_do_and_what_is_hostile_or_secret_does_no_harm(
    tmp_path: Path, postgres_url: str, peer: Peer
) -> None:
    given = records(20, keys=20)
    given[16]["updated_at"] = f"{SECRET} {HOSTILE}"
    change = {
        'base_url: "${env:NOTIFY_URL}"': 'base_url: "${env:NOTIFY_URL}", headers: {Authorization: "Bearer ${secret:api/token}"}'
    }
    file = write_records(tmp_path / f"{quote('<b>')}&.csv", given)
    job = project(tmp_path, change)
    variables = {"PG_URL": postgres_url, "NOTIFY_URL": peer.url, "PORTL_SECRET_API_TOKEN": SECRET}
    ended = portl(tmp_path, "run", str(job), "--param", f"path={file}", "--init-db", **variables)
    assert ended.code == 1, ended.out
    folder = the_run(tmp_path)
    text, page = (folder / "index.html").read_text("utf-8"), read_page(folder)
    (error,) = [each for each in page.root.all("section") if each.attributes.get("aria-label") == "what went wrong"]
    told = {name.words: value.words for name, value in zip(error.all("dt"), error.all("dd"), strict=True)}
    assert error.all("h2")[0].words.startswith("failed in resource (db.upsert), record 17, ")
    assert told["cause"].startswith("M102 updated_at cannot be datetime: ")
    assert ("<script>alert(1)</script>" in told["cause"], "***" in told["cause"]) == (True, True)
    assert (told["state"], told["job"].startswith(str(job))) == (
        "nothing was written and no API was called; 20 function calls had been made before",
        True,
    )
    assert told["input"] == f"{file}:18"
    assert (page.status, page.loaded) == ("failed", [])
    assert [len(page.root.all(name)) for name in ("script", "img", "style")] == [1, 0, 2]
    assert SECRET not in text
    outcomes = {name: outcome for name, (outcome, _) in page.states.items()}
    assert (outcomes["enrich"], outcomes["announce_version"]) == ("done", "none")
    assert outcomes["resource to latest in one transaction"] == "failed"
    assert "page    runs/" in ended.err


def test_a_real_browser_shows_a_page_without_a_complaint_and_runs_only_its_own_script(
    tmp_path: Path, postgres_url: str, peer: Peer
) -> None:
    given = records(4, keys=4)
    given[2]["updated_at"] = HOSTILE
    assert run(tmp_path, given, postgres_url, peer).code == 1
    page = the_run(tmp_path) / "index.html"
    shown = browse(page, tmp_path / "profile", f"--screenshot={tmp_path / 'page.png'}", "--window-size=1280,2000")
    dumped = browse(page, tmp_path / "profile", "--dump-dom")
    assert [line for each in (shown, dumped) for line in each.stderr.splitlines() if "CONSOLE" in line] == []
    assert (tmp_path / "page.png").stat().st_size > 20_000
    drawn = Page(dumped.stdout)
    (choice,) = [each for each in drawn.root.all("p") if each.attributes.get("id") == "x-filter"]
    assert "hidden" not in choice.attributes
    assert [each.words for each in choice.all("option")] == ["all", "enrich", "read_csv", "resource..latest"]


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_interrupted_or_killed_has_a_page_that_says_how_far_it_came(
    tmp_path: Path, postgres_url: str, peer: Peer, sign: signal.Signals
) -> None:
    holder = connect(postgres_url)
    holder.run("SELECT pg_advisory_lock(hashtextextended('portl:resources_versions', 0))")
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    file, job = write_records(tmp_path / "in.csv", records(10, keys=10)), project(tmp_path)
    arguments = ("run", str(job), "--param", f"path={file}", "--init-db")
    process = start(tmp_path, *arguments, PG_URL=postgres_url, NOTIFY_URL=peer.url)
    until(lambda: holder.run(waiting) != [[0]])
    (running,) = json.loads(portl(tmp_path, "runs", "list", "--json").out)
    process.send_signal(sign)
    process.communicate(timeout=60)
    holder.close()
    shown = portl(tmp_path, "runs", "show", "last")
    word = "interrupted" if sign is signal.SIGINT else "killed"
    page = read_page(the_run(tmp_path))
    assert (running["status"], shown.code, page.status) == ("RUNNING", 0, word)
    assert f": {word}\n" in shown.out
    assert f"run page runs/{the_run(tmp_path).name}/index.html" in shown.out
    outcomes = {name: outcome for name, (outcome, _) in page.states.items()}
    assert (outcomes["enrich"], outcomes["announce_resource"]) == ("done", "none")
    assert outcomes["resource to latest in one transaction"] == "stopped"
    assert ["enrich", "lambda.invoke", "10", "10 invoked"] in [row[:4] for row in page.rows("Steps")]


def test_what_a_run_came_to_does_not_hang_on_its_page(tmp_path: Path, postgres_url: str, peer: Peer) -> None:
    job, file = project(tmp_path), write_records(tmp_path / "in.csv", records(2, keys=2))
    holder = connect(postgres_url)
    holder.run("SELECT pg_advisory_lock(hashtextextended('portl:resources_versions', 0))")
    arguments = ("run", str(job), "--param", f"path={file}", "--init-db")
    process = start(tmp_path, *arguments, PG_URL=postgres_url, NOTIFY_URL=peer.url)
    until(lambda: holder.run("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") != [[0]])
    (the_run(tmp_path) / "index.html").mkdir()
    holder.close()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "the run's page could not be made: " in err, len(peer.calls())) == (0, True, 4), err
    assert json.loads((the_run(tmp_path) / "ended.json").read_text("utf-8"))["status"] == "SUCCEEDED"
