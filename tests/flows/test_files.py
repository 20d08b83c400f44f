"""Jobs that move files, run by the compiled machine: over SFTP, killed, resumed, waited for, behind a transaction."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.support import ROOT, Ended, portl, start
from plan.support import compare, done, planned
from portl.stores import S3Driver, Store
from stores.backends import s3_spec, sftp, sftp_spec

QUICK = ("--host", "inline", "--time-scale", "0.01")
BOTH = (
    "version: 2\njob: files\nconnections:\n  partner: {type: local, root: ../partner}\n  lake: {type: local, root: ../lake}\n"
)
SFTP = """\
version: 2
job: files
connections:
  partner: {type: sftp, host: 127.0.0.1, port: %d, user: %s, host_key: "%s", password: "${env:PARTNER_PASSWORD}", root: "%s"}
  lake: {type: local, root: ../lake}
"""
INTAKE = """\
steps:
  - {id: found, type: store.list, path: "partner:out/*.csv"}
  - id: fetch
    type: store.copy
    batch: {from: "{{ steps.found.rows }}", as: file, size: 2}
    from: "{{ file.path }}"
    to: "lake:raw/{{ file.stem }}-{{ idx }}{{ file.suffix }}"
    parallel: 2
  - {id: first, type: store.exists, path: "lake:raw/a-0.csv"}
  - {id: read, type: csv.read, path: "lake:raw/a-0.csv"}
  - {id: away, type: store.move, from: "partner:out/*.csv", to: "partner:done/{{ file.stem }}.old"}
  - {id: clear, type: store.delete, path: "lake:raw/*-2.csv"}
"""


def job(tmp_path: Path, text: str) -> str:
    folder = tmp_path / "project" / "statemachines" / "files"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("functions", "layers", "template.yaml"):
        if not (tmp_path / "project" / name).exists():
            (tmp_path / "project" / name).symlink_to(ROOT / name)
    (folder / "job.yaml").write_text(text, "utf-8")
    return str(folder / "job.yaml")


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content, "utf-8")
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}


def run_id(ended: Ended) -> str:
    return re.findall(r"^run (\S+)", ended.err, re.MULTILINE)[0]


def steps_of(ended: Ended) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ended.out.splitlines()[-1])["summary"]["steps"]
    return found


def test_files_are_listed_copied_in_a_batch_looked_at_moved_and_removed_over_sftp(tmp_path: Path) -> None:
    spec = sftp_spec()
    root = Path(sftp().root) / str(spec.root).strip("/")
    write(root / "out", a="x\n1\n", b="x\n2\n", c="x\n3\n")
    head = SFTP % (spec.port, spec.user, spec.host_key, spec.root)
    password = spec.password.get_secret_value()
    ended = portl(tmp_path, "run", job(tmp_path, head + INTAKE), "--json", *QUICK, PARTNER_PASSWORD=password)
    assert ended.code == 0, ended.err
    assert contents(tmp_path / "lake") == {"raw/a-0.csv": "x\n1\n", "raw/b-1.csv": "x\n2\n"}
    assert contents(root) == {f"done/{name}.old": f"x\n{at}\n" for at, name in enumerate("abc", 1)}
    assert steps_of(ended) == {
        "found": {"listed": 3},
        "fetch": {"copied": 3},
        "first": {"there": 1},
        "read": {"read": 1},
        "away": {"moved": 3},
        "clear": {"deleted": 1},
    }


def test_a_run_does_to_files_what_was_planned_and_the_plan_does_nothing(tmp_path: Path) -> None:
    write(tmp_path / "partner" / "out", a="x\n1\n", b="x\n2\n", c="x\n3\n")
    wait = '  - {id: ready, type: store.wait, path: "partner:out/*.csv", stable_s: 2, every_s: 1, timeout_s: 60}\n'
    text = job(tmp_path, BOTH + INTAKE.replace("steps:\n", "steps:\n" + wait))
    before = contents(tmp_path / "partner")
    plan = planned(tmp_path, text)
    assert (contents(tmp_path / "partner"), (tmp_path / "lake").exists()) == (before, False)
    ended, run = done(tmp_path, text, *QUICK)
    assert ended.code == 0, ended.err
    compare(plan, run)
    away = next(each for each in plan if each["step"] == "away")
    assert away["files"] == [{"from": f"partner:out/{name}.csv", "to": f"partner:done/{name}.old"} for name in "abc"]
    assert [each["files"] for each in plan if each["step"] == "clear"] == [["lake:raw/c-2.csv"]]
    assert {each["kind"] for each in plan} == {"wait", "list", "copy", "look", "read", "move", "delete"}


def test_the_plan_is_readable_and_made_without_what_it_would_need_to_look_at_files(tmp_path: Path) -> None:
    head = BOTH.replace("{type: local, root: ../partner}", '{type: local, root: "${env:PARTNER_ROOT}"}')
    ended = portl(tmp_path, "plan", job(tmp_path, head + INTAKE.replace("lake:raw/a-0.csv", "partner:x.csv")))
    assert ended.code == 0, ended.err
    assert "fetch  store.copy" in ended.out
    assert "move partner:out/*.csv: <the files of partner:out/*.csv>" in ended.out


MANY = """\
steps:
  - {id: found, type: store.list, path: "partner:out"}
  - id: away
    type: store.move
    batch: {from: "{{ steps.found.rows }}", as: file, size: 10}
    from: "{{ file.path }}"
    to: "lake:in/{{ file.name }}"
  - {id: rest, type: store.list, path: "lake:in"}
"""


def test_a_run_that_is_killed_while_it_moves_files_and_resumed_has_moved_every_file_once(tmp_path: Path) -> None:
    files = {f"f{at:03d}": f"content {at}" for at in range(150)}
    write(tmp_path / "partner" / "out", **files)
    text = job(tmp_path, BOTH + MANY)
    process = start(tmp_path, "run", text, "--host", "inline")
    ends = time.monotonic() + 60
    while len([*(tmp_path / "lake").glob("in/*.csv")]) < 20:
        assert time.monotonic() < ends
        time.sleep(0.005)
    process.kill()
    process.communicate()
    (killed,) = [path.name for path in (tmp_path / "runs").iterdir() if path.name != "specs"]
    moved = len([*(tmp_path / "lake").glob("in/*.csv")])
    assert 20 <= moved < 150, "the test has to kill it in the middle"
    resumed = portl(tmp_path, "run", text, "--resume", killed, "--json", *QUICK)
    assert resumed.code == 0, resumed.err
    assert contents(tmp_path / "lake") == {f"in/{name}.csv": content for name, content in files.items()}
    assert contents(tmp_path / "partner") == {}
    counts = steps_of(resumed)
    assert (sum(counts["away"].values()), counts["rest"]) == (150, {"listed": 150})
    assert set(counts["away"]) <= {"moved", "reused"}


ASIDE = MANY.replace('    to: "lake', '    on_error: dead_letter\n    to: "lake')


def test_a_file_whose_place_is_taken_is_kept_aside_with_its_intent_and_moved_when_it_is_replayed(tmp_path: Path) -> None:
    write(tmp_path / "partner" / "out", a="1", b="2", c="3")
    write(tmp_path / "lake" / "in", b="another")
    text = job(tmp_path, BOTH + ASIDE)
    within = ("--project", str(tmp_path / "project"))
    ended = portl(tmp_path, "run", text, *QUICK)
    assert ended.code == 0, ended.err
    [letter] = json.loads(portl(tmp_path, "runs", "show", run_id(ended), "--failed", "--json", *within).out)
    assert (letter["error"]["code"], letter["error"]["message"]) == ("F106", "lake:in/b.csv is already there")
    assert letter["request"] == {
        "step": "away",
        "record": 1,
        "kind": "move",
        "from": "partner:out/b.csv",
        "to": "lake:in/b.csv",
        "overwrite": "fail",
        "verify": "checksum",
    }
    assert contents(tmp_path / "partner") == {"out/b.csv": "2"}
    (tmp_path / "lake" / "in" / "b.csv").unlink()
    replayed = portl(tmp_path, "runs", "replay", run_id(ended), "--all-failed", *within, *QUICK)
    assert replayed.code == 0, replayed.err
    assert (contents(tmp_path / "partner"), contents(tmp_path / "lake")["in/b.csv"]) == ({}, "2")


def test_an_error_of_a_store_is_told_with_the_address_the_record_and_the_place_in_the_job(tmp_path: Path) -> None:
    write(tmp_path / "partner" / "out", a="1")
    write(tmp_path / "lake" / "in", a="another")
    ended = portl(tmp_path, "run", job(tmp_path, BOTH + MANY), *QUICK)
    assert ended.code == 1
    assert "F106 lake:in/a.csv is already there" in ended.err
    assert "record 1" in ended.err


COMMITTED = """\
  pg: {type: postgres, url: "${env:PG_URL}"}
transaction: {scope: db, connection: pg}
steps:
  - {id: read, type: csv.read, path: "partner:out/a.csv"}
  - id: keep
    type: db.insert
    batch: {from: "{{ steps.read.rows }}", as: row}
    table: t
    mapping: {n: {from: "{{ row.x }}", type: int}}
  - {id: away, type: store.move, from: "partner:out/a.csv", to: "partner:done/"}
  - {id: last, type: db.update, table: t, set: {n: 3}, where: {n: 2}}
"""


def test_a_file_is_moved_only_behind_the_commit(tmp_path: Path, postgres_url: str, query: Any) -> None:
    query("CREATE TABLE t (n int PRIMARY KEY)")
    write(tmp_path / "partner" / "out", a="x\n1\n1\n")
    text = job(tmp_path, BOTH + COMMITTED)
    assert portl(tmp_path, "run", text, *QUICK, PG_URL=postgres_url).code == 1
    assert (contents(tmp_path / "partner"), query("SELECT * FROM t")) == ({"out/a.csv": "x\n1\n1\n"}, [])
    write(tmp_path / "partner" / "out", a="x\n1\n2\n")
    ended = portl(tmp_path, "run", text, *QUICK, PG_URL=postgres_url)
    assert (ended.code, [*contents(tmp_path / "partner")]) == (0, ["done/a.csv"]), ended.err


WAIT = """\
steps:
  - {id: ready, type: store.wait, path: "partner:out/a.csv", stable_s: 20, every_s: 5, timeout_s: 600}
  - {id: away, type: store.move, from: "partner:out/a.csv", to: "lake:{{ steps.ready.size }}.csv"}
"""


@pytest.fixture
def slow_writer(tmp_path: Path) -> Iterator[threading.Thread]:
    """Somebody who writes a file bit by bit, a second or two late."""
    folder = write(tmp_path / "partner" / "out")

    def append() -> None:
        time.sleep(0.5)
        for _ in range(8):
            with (folder / "a.csv").open("a") as stream:
                stream.write("0123456789")
            time.sleep(0.08)

    thread = threading.Thread(target=append)
    yield thread
    thread.join()


def test_a_file_that_comes_late_and_grows_is_taken_when_it_is_whole_and_nothing_runs_meanwhile(
    tmp_path: Path, slow_writer: threading.Thread
) -> None:
    slow_writer.start()
    ended = portl(tmp_path, "run", job(tmp_path, BOTH + WAIT), "--host", "inline", "--time-scale", "0.02")
    assert ended.code == 0, ended.err
    assert {name: len(text) for name, text in contents(tmp_path / "lake").items()} == {"80.csv": 80}
    history = [json.loads(line) for line in next((tmp_path / "runs").glob("*/history.jsonl")).read_text("utf-8").splitlines()]
    entered = [each.get("stateEnteredEventDetails", {}).get("name") for each in history]
    assert entered.count("ready waits") == entered.count("ready") - 1 > 2
    assert entered.count("away") == 1


def test_a_file_that_never_comes_ends_the_run_with_what_was_seen_last(tmp_path: Path) -> None:
    ended = portl(tmp_path, "run", job(tmp_path, BOTH + WAIT), "--host", "inline", "--time-scale", "0.001")
    assert ended.code == 1
    assert "R173 partner:out/a.csv was waited for 600 s: it never came" in ended.err


SIGNED = """\
version: 2
job: files
connections:
  lake: {type: s3, bucket: %s, endpoint: "%s", region: us-east-1, access_key_id: testing, secret_access_key: "${env:LAKE_KEY}"}
  api: {type: http, base_url: "${env:API_URL}"}
steps:
  - {id: link, type: store.sign, path: "lake:a.csv", expires_s: 60}
  - {id: tell, type: api.call, method: POST, path: /told, json: {url: "{{ steps.link.url }}"}}
"""


class Listener(ThreadingHTTPServer):
    """Takes what is told, as it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        super().__init__(("127.0.0.1", 0), Answers)


class Answers(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_address_that_was_signed_works_and_is_shown_nowhere(tmp_path: Path, listener: Listener) -> None:
    spec = s3_spec()
    Store(S3Driver(spec)).write("a.csv", b"the content")
    text = job(tmp_path, SIGNED % (spec.bucket, spec.endpoint))
    ended = portl(
        tmp_path,
        "run",
        text,
        "--intents",
        "--time-scale",
        "0.01",
        API_URL=f"http://127.0.0.1:{listener.server_port}",
        LAKE_KEY="testing",
    )
    assert ended.code == 0, ended.err
    [url] = [each["url"] for each in listener.told]
    assert httpx.get(url).content == b"the content"
    signature = re.findall(r"X-Amz-Signature=(\w+)", url)[0]
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_relative_to(tmp_path / "project/functions")]
    shown = [path.relative_to(tmp_path) for path in kept if signature.encode() in path.read_bytes()]
    assert [path.parts[2] for path in shown] == ["results"], "where the steps that follow read it"
    assert {"index.html", "history.jsonl", "log.jsonl"} <= {path.name for path in kept}
    told = [portl(tmp_path, "runs", "show", "last", *more, "--project", str(tmp_path)) for more in ((), ("--json",))]
    told += [portl(tmp_path, "runs", "list")]
    assert [each.code for each in told] == [0, 0, 0], told
    assert [each for each in (ended, *told) if signature in each.out + each.err] == []
