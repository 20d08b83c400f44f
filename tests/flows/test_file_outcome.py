"""What a run that changes files says of them at its end, whether it ended well or not."""

from __future__ import annotations

import re
from pathlib import Path

from flows.support import portl
from flows.test_files import job, run_id, write

QUICK = ("--host", "inline", "--time-scale", "0.01")
TEXT = """\
version: 2
job: files
params: {items: {type: list, default: [{a: 1}, {a: 2}]}}
connections:
  out: {type: local, root: ../out}
steps:
  - {id: as_csv, type: file.write, path: "out:all.csv", rows: "{{ params.items }}", format: csv}
  - {id: as_parts, type: file.write, path: "out:{{ part }}.csv", rows: "{{ params.items }}", format: csv, parts: {records: 1}}
  - {id: keep, type: store.copy, from: "out:in/*.csv", to: "out:kept/"}
  - {id: away, type: store.move, from: "out:in/a.csv", to: "out:done/"}
  - {id: clear, type: store.delete, path: "out:in/*"}
"""
LAST = '  - {id: last, type: store.copy, from: "out:missing.csv", to: "out:x.csv"}\n'


def state(err: str) -> str:
    return re.findall(r"^  state +(.*)$", err, re.MULTILINE)[0]


def test_a_failed_run_over_files_says_what_was_done_to_them_and_nothing_of_tables_or_calls(tmp_path: Path) -> None:
    write(tmp_path / "out" / "in", a="x\n1\n", b="x\n2\n")
    ended = portl(tmp_path, "run", job(tmp_path, TEXT + LAST), *QUICK)
    assert ended.code == 1
    assert state(ended.err) == (
        "done to files, and stays: 2 records written by as_csv, 2 records written by as_parts, "
        "2 files copied by keep, 1 file moved by away, 1 file removed by clear"
    )


def test_a_run_over_files_that_failed_at_once_says_that_none_was_changed(tmp_path: Path) -> None:
    write(tmp_path / "out")
    steps = TEXT.partition("steps:\n")[0] + "steps:\n" + LAST
    ended = portl(tmp_path, "run", job(tmp_path, steps), *QUICK)
    assert state(ended.err) == "of the files nothing was changed by a step that came to its end"


def test_the_summary_names_the_file_that_was_written_and_its_size(tmp_path: Path) -> None:
    write(tmp_path / "out" / "in", a="x\n1\n", b="x\n2\n")
    ended = portl(tmp_path, "run", job(tmp_path, TEXT), *QUICK)
    assert ended.code == 0, ended.err
    lines = [line.split(maxsplit=2)[2] for line in ended.out.splitlines() if "file.write" in line]
    assert lines == ["2 written, out:all.csv, 6 bytes", "2 written, out:00001.csv, 2 files, 8 bytes"]


def test_a_list_of_files_that_was_reused_counts_no_records(tmp_path: Path) -> None:
    write(tmp_path / "out" / "in", a="x\n1\n2\n3\n", b="x\n4\n5\n")
    steps = (
        '  - {id: found, type: store.list, path: "out:in/*.csv"}\n'
        '  - {id: read, type: csv.read, path: "out:in/*.csv"}\n'
        '  - {id: last, type: store.copy, from: "out:late.csv", to: "out:x.csv"}\n'
    )
    file = job(tmp_path, TEXT.partition("steps:\n")[0] + "steps:\n" + steps)
    failed = portl(tmp_path, "run", file, *QUICK)
    write(tmp_path / "out", late="x\n")
    resumed = portl(tmp_path, "run", file, "--resume", run_id(failed), *QUICK)
    assert resumed.code == 0, resumed.err
    assert "  records 5\n" in resumed.out
