"""A run's folder that is cut off, damaged or gone is an error with a way out: nothing is passed over in silence (R1, R2)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.dead_letters import DOUBLE, EACH, FIRST, SCOPE_CHUNK, TELL, Api, run_job, serving, variables, write_job
from flows.support import portl

RECORDS = "\n".join(["code,n", *(f"{code},{at}" for at, code in enumerate("abcdefgh", 1)), ""])
WAY_OUT = "do the work anew: without --resume"
CHOICE = (
    f'  - {{id: which, type: conditional, {EACH}, if: "{{{{ row.n | int > 2 }}}}", then: [{{id: tell, type: api.call,'
    ' method: POST, path: "/tell/{{ row.code }}", json: {a: 1}, concurrency: 1}]}\n'
)


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as found:
        yield found


def test_records_whose_results_stand_in_a_run_that_is_gone_are_not_passed_over(
    tmp_path: Path, postgres_url: str, api: Api
) -> None:
    given = variables(postgres_url, api.url)
    steps = FIRST.replace("steps.double[idx].n", "row.n") + CHOICE
    folder, file = write_job(tmp_path, steps, RECORDS.replace("h,8", "h,eight"), SCOPE_CHUNK)
    api.refusals["/tell/d"] = [(422, None), (422, None)]
    first = run_job(tmp_path, folder, file, given)
    file.write_text(RECORDS, "utf-8")
    second = run_job(tmp_path, folder, file, given, "--resume", first.folder.name)
    assert (first.ended.code, second.ended.code) == (1, 1)
    shutil.rmtree(first.folder)
    third = run_job(tmp_path, folder, file, given, "--resume", second.folder.name)
    assert third.ended.code == 1, third.ended.out
    assert f"R123 results/which/00000.jsonl stands in the run {first.folder.name}, which is gone" in third.ended.err
    assert WAY_OUT in third.ended.err


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("results/read.rows/00001.jsonl", b'{"code":"e","n":"5"}\n'),
        ("results/double/00001.jsonl", b""),
        ("results/double/00001.jsonl", b'{"n":10}\n{"n":1'),
        ("done/double/00001.json", b"{"),
        ("stats/double/00001.json", b""),
    ],
)
def test_a_file_of_a_run_that_is_cut_off_stops_a_run_that_would_go_on_with_it(
    tmp_path: Path, postgres_url: str, api: Api, name: str, kept: bytes
) -> None:
    given = variables(postgres_url, api.url)
    tell = TELL.replace("100 // (row.n | int)", "steps.double[idx].n | default(0)").replace(", on_error: dead_letter", "")
    folder, file = write_job(tmp_path, DOUBLE + tell, RECORDS)
    api.refusals["/tell/e"] = [(422, None)]
    failed = run_job(tmp_path, folder, file, given)
    (failed.folder / name).write_bytes(kept)
    resumed = run_job(tmp_path, folder, file, given, "--resume", failed.folder.name)
    assert resumed.ended.code == 1, resumed.ended.out
    assert ("R123" in resumed.ended.err, "is damaged" in resumed.ended.err, WAY_OUT in resumed.ended.err) == (True, True, True)
    assert [call for call in api.calls if call[0] == "/tell/e" and call[1] == 200] == []


@pytest.mark.parametrize("command", [("show", "--failed"), ("replay", "--all-failed")])
def test_a_letter_that_is_cut_off_is_said_and_is_no_fault_of_portl(
    tmp_path: Path, postgres_url: str, api: Api, command: tuple[str, str]
) -> None:
    given = variables(postgres_url, api.url)
    folder, file = write_job(tmp_path, TELL, RECORDS)
    api.refusals["/tell/c"] = [(422, None)]
    ran = run_job(tmp_path, folder, file, given)
    letters = ran.folder / "dead" / "tell" / "00000.jsonl"
    letters.write_bytes(letters.read_bytes()[:80])
    ended = portl(tmp_path, "runs", command[0], ran.folder.name, command[1], "--project", str(tmp_path / "p"), **given)
    assert ended.code == 3, ended.err
    assert f"R123 {ran.folder.name}/dead/tell/00000.jsonl is damaged" in ended.err
