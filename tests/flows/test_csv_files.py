"""csv.read over several files and over files that stay where they are, as a user runs it."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.support import ROOT, Ended, portl
from portl_cli.embedded import Peer

FUNCTION = """
import pathlib
def overwrite(event, _):
    file = pathlib.Path(event["file"])
    file.write_text(file.read_text().replace(event["old"], event["new"]))
    return {}
"""
HEAD = """\
version: 2
job: j
params: {path: {type: string}, new: {type: string, default: b2}}
connections:
  lake: {type: local, root: ../lake}
  api: {type: http, base_url: "${env:NOTIFY_URL}"}
  fn: {type: lambda, function: "f.py:overwrite"}
steps:
"""
READ = '  - {{id: read, type: csv.read, path: "{{{{ params.path }}}}"{more}}}\n'
CHANGE = """\
  - {id: change, type: lambda.invoke, connection: fn, payload: {file: lake/a.csv, old: b2, new: "{{ params.new }}"}}
"""
TELL = """\
  - id: tell
    type: api.call
    batch: {from: "{{ steps.read.rows }}", as: row, size: 2}
    method: POST
    path: "/{{ row.name }}"
    json: {row: "{{ row }}", of: "{{ steps.read.rows[0].name }}"}
    expect: [200]
"""


@pytest.fixture
def run(tmp_path: Path, peer: Peer) -> Any:
    """Runs a job over the store ``lake``, whose files are given."""

    def go(steps: str, *options: str, files: dict[str, bytes] | None = None) -> Ended:
        folder = tmp_path / "p" / "statemachines" / "j"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("functions", "layers", "template.yaml"):
            if not (tmp_path / "p" / name).exists():
                (tmp_path / "p" / name).symlink_to(ROOT / name)
        (folder / "f.py").write_text(FUNCTION, "utf-8")
        (folder / "job.yaml").write_text(HEAD + steps, "utf-8")
        for name, content in (files or {}).items():
            (tmp_path / "lake" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "lake" / name).write_bytes(content)
        return portl(tmp_path, "run", str(folder), *options, "--time-scale", "0.01", NOTIFY_URL=peer.url)

    return go


def told(peer: Peer) -> list[str]:
    return sorted(call["path"] for call in peer.calls() if call["status"] == 200)


def run_id(ended: Ended) -> str:
    return re.findall(r"^run (\S+)", ended.err, re.MULTILINE)[0]


A, B = b"name,n\na1,1\nb2,2\nc3,3\n", b"name,n\nd4,4\n"


@pytest.mark.parametrize("more", ["", ", ranges: always"])
def test_several_files_are_one_list_however_they_are_kept(run: Any, peer: Peer, tmp_path: Path, more: str) -> None:
    read = READ.format(more=f", file_column: file{more}")
    ended = run(
        read + TELL, "--param", "path=lake:in/*.csv", files={"in/a.csv": A, "in/b.csv": gzip.compress(B) if not more else B}
    )
    assert ended.code == 0, ended.err
    assert told(peer) == ["/a1", "/b2", "/c3", "/d4"]
    rows = {call["body"]["row"]["n"]: call["body"]["row"]["file"] for call in peer.calls()}
    assert rows == {"1": "lake:in/a.csv", "2": "lake:in/a.csv", "3": "lake:in/a.csv", "4": "lake:in/b.csv"}
    assert {call["body"]["of"] for call in peer.calls()} == {"a1"}
    kept = {file.name for file in (tmp_path / "runs").rglob("read.rows/*")}
    copies = {"00000.jsonl", "00001.jsonl", "00000.lines", "00001.lines", "00000.files", "00001.files", "digest.json"}
    assert kept == (copies if not more else {"ranges.json", "ranges-00000.json", "digest.json"})


@pytest.mark.parametrize("more", ["", ", ranges: always"])
def test_an_error_and_a_letter_place_a_record_in_its_own_file(run: Any, peer: Peer, tmp_path: Path, more: str) -> None:
    read = READ.format(more=more)
    files = {"in/a.csv": A, "in/b.csv": B + b"e5,x\n"}
    failing = TELL.replace('of: "{{ steps.read.rows[0].name }}"', 'n: "{{ row.n | int }}"')
    failed = run(read + failing, "--param", "path=lake:in/*.csv", files=files)
    assert (failed.code, "lake:in/b.csv line 3" in failed.err) == (1, True), failed.err
    aside = run(read + failing.replace("    method", "    on_error: dead_letter\n    method"), "--param", "path=lake:in/*.csv")
    assert aside.code == 0, aside.err
    letters = [
        json.loads(line) for file in (tmp_path / "runs").glob("*/dead/tell/*.jsonl") for line in file.read_text().splitlines()
    ]
    assert [(letter["file"], letter["line"], letter["value"]["n"]) for letter in letters] == [("lake:in/b.csv", 3, "x")]
    shown = portl(tmp_path, "runs", "show", run_id(aside), "--failed", NOTIFY_URL=peer.url)
    assert "lake:in/b.csv line 3" in shown.out, shown.out


def test_a_file_that_is_replaced_while_a_run_reads_it_is_told_and_the_run_goes_on_from_there(run: Any, peer: Peer) -> None:
    read = READ.format(more=", ranges: always")
    same = run(read + CHANGE + TELL, "--param", "path=lake:a.csv", files={"a.csv": A})
    assert (same.code, told(peer)) == (0, ["/a1", "/b2", "/c3"]), same.err  # written again, and the same
    failed = run(read + CHANGE + TELL, "--param", "path=lake:a.csv", "--param", "new=z9", "--new-key")
    assert failed.code == 1
    assert "F109" in failed.err
    assert "lake:a.csv was replaced while a run reads it: its bytes 7 to 17 are others now" in failed.err
    assert "resume the run" in failed.err
    resumed = run(read + CHANGE + TELL, "--resume", run_id(failed))
    assert resumed.code == 0, resumed.err
    assert [path for path in told(peer) if path == "/z9"] == ["/z9"]


def test_a_resume_takes_what_it_has_where_the_file_only_looks_changed(run: Any, peer: Peer, tmp_path: Path) -> None:
    read = READ.format(more=", ranges: always")
    steps = read + TELL.replace("expect: [200]", "retry: {max_attempts: 1}\n    expect: [200]")
    httpx.post(f"{peer.url}/_script", json={"status": 422, "every": 3, "times": 1})
    failed = run(steps, "--param", "path=lake:a.csv", files={"a.csv": A})
    assert failed.code == 1
    file = tmp_path / "lake" / "a.csv"
    file.unlink()
    resumed = run(steps, "--resume", run_id(failed), files={"a.csv": A})
    assert resumed.code == 0, resumed.err
    assert told(peer) == ["/a1", "/b2", "/c3"]


def test_a_plan_shows_the_files_and_reads_them_to_their_end(run: Any, tmp_path: Path) -> None:
    run(READ.format(more="") + TELL, "--param", "path=lake:in/*.csv", files={"in/a.csv": A, "in/b.csv": B + b"e5\n"})
    shown = portl(
        tmp_path, "plan", str(tmp_path / "p/statemachines/j"), "--param", "path=lake:in/*.csv", NOTIFY_URL="http://127.0.0.1:1"
    )
    assert (shown.code, "C103" in shown.err, "lake:in/b.csv" in shown.err) == (1, True, True), shown.err
    (tmp_path / "lake/in/b.csv").write_bytes(B)
    shown = portl(
        tmp_path, "plan", str(tmp_path / "p/statemachines/j"), "--param", "path=lake:in/*.csv", NOTIFY_URL="http://127.0.0.1:1"
    )
    assert (shown.code, 'reads "lake:in/*.csv"' in shown.out, "4 records" in shown.out) == (0, True, True), (
        shown.out + shown.err
    )


@pytest.mark.parametrize("more", ["", ", ranges: always"])
def test_the_files_that_a_list_of_a_store_names_are_read_in_its_order(run: Any, peer: Peer, more: str) -> None:
    listing = '  - {id: files, type: store.list, path: "lake:in/*.csv"}\n'
    read = '  - {id: read, type: csv.read, path: "{{ steps.files.rows }}", file_column: file' + more + "}\n"
    ended = run(listing + read + TELL, "--param", "path=x", files={"in/a.csv": A, "in/b.csv": B})
    assert ended.code == 0, ended.err
    assert {call["body"]["row"]["n"]: call["body"]["row"]["file"] for call in peer.calls()} == {
        **dict.fromkeys("123", "lake:in/a.csv"),
        "4": "lake:in/b.csv",
    }
