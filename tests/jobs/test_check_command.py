"""``portl check`` as a user or a pipeline runs it."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import preloaded
from portl.jobs import CODES

ROOT = Path(__file__).resolve().parents[2]
MISTAKES = Path(__file__).parent / "mistakes"
MAIN = "from portl_cli.main import main; main()"
GUARD = """
import os, sys
writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
def guard(event, details):
    if event.startswith(("socket.", "subprocess.", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "shutil.", "tempfile.")):
        raise SystemExit(f"99 {event} {details}")
    if event == "open" and isinstance(details[2], int) and details[2] & writing:
        raise SystemExit(f"99 open {details}")
sys.addaudithook(guard)
"""


@pytest.fixture
def project(tmp_path, good):
    """A project with one good job; answers the function that puts another job into it."""
    (tmp_path / "template.yaml").write_text((ROOT / "template.yaml").read_text("utf-8"), "utf-8")

    def put(name, text=good):
        (tmp_path / name).write_text(text, "utf-8")
        return name

    put("good.yaml")
    return put


def check(folder, *arguments, code=None, **variables):
    environment = {**os.environ, "PORTL_RUNS": str(folder / "runs"), **variables}
    if code is None:
        return preloaded.run(["check", *arguments], folder, environment, timeout=60)
    command = [sys.executable, "-B", "-c", code, "check", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_right_job_is_said_to_be_right_and_exits_0(project, tmp_path):
    ended = check(tmp_path, "good.yaml")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("good.yaml: right; 4 segments, at most ")


def test_all_findings_of_all_files_are_told_and_the_exit_code_is_2(project, tmp_path, good):
    first = project("first.yaml", good.replace("key: [code]", "key: [cod]"))
    second = project("second.yaml", good.replace("run.id", "run.idd").replace("method: POST", "metod: POST"))
    ended = check(tmp_path, first, "good.yaml", second, "none.yaml")
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        'first.yaml:23:11 J207 "cod" is in key and not in the mapping; did you mean "code"?',
        'second.yaml:17:68 J206 run has no "idd"; did you mean "id"?',
        'second.yaml:36:5 J002 unknown field "metod"; did you mean "method"?',
        "none.yaml:1:1 J000 none.yaml cannot be read: No such file or directory",
    ]
    assert [line.split(":")[0] for line in ended.stdout.splitlines()] == ["good.yaml"]


def test_a_step_too_large_for_a_state_machine_is_told(project, tmp_path, good):
    header = "headers: {"
    file = project("large.yaml", good.replace(header, f'{header}X-Long: "{"x" * 70_000}", '))
    ended = check(tmp_path, file)
    assert (ended.returncode, ended.stderr.split(" takes ")[0]) == (2, 'large.yaml:1:1 J000 the step "resource..version"')


def test_outside_of_a_project_the_installations_own_is_the_project(tmp_path, good):
    (tmp_path / "good.yaml").write_text(good, "utf-8")
    (tmp_path / "bad.yaml").write_text(good.replace("run.id", "run.idd"), "utf-8")
    alone = check(tmp_path, "good.yaml")
    assert (alone.returncode, alone.stderr) == (0, "")
    both = check(tmp_path, "good.yaml", "bad.yaml")
    assert (both.returncode, [line.split()[1] for line in both.stderr.splitlines()]) == (2, ["J206"])


WARNED = ('path: "{{ params.path }}"}', 'path: "{{ params.path }}", columns: [codes, md5]}')


@pytest.mark.parametrize(("arguments", "code"), [((), 0), (("--strict",), 2)])
def test_a_warning_is_told_and_keeps_nobody_from_anything_unless_strict(project, tmp_path, good, arguments, code):
    ended = check(tmp_path, project("warned.yaml", good.replace(*WARNED)), *arguments)
    assert ended.returncode == code
    assert {line.split()[1] for line in ended.stderr.splitlines()} == {"J213"}
    assert "warned.yaml: right" in ended.stdout


def snapshot(folder):
    return {each: (each.stat().st_mtime_ns, each.read_bytes()) for each in folder.rglob("*") if each.is_file()}


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_nothing_is_touched_and_nobody_is_called(project, tmp_path, good, form):
    bad = project("bad.yaml", good.replace("run.id", "run.idd"))
    before = snapshot(tmp_path)
    ended = check(tmp_path, "--format", form, "good.yaml", bad, code=f"{GUARD}\n{MAIN}")
    assert (ended.returncode, "99" in ended.stderr) == (2, False), ended.stderr
    assert snapshot(tmp_path) == before


def test_the_guard_of_the_test_above_bites(tmp_path):
    for act in ("open('x', 'w')", "__import__('socket').create_connection(('127.0.0.1', 9))", "__import__('os').mkdir('x')"):
        ended = check(tmp_path, code=f"{GUARD}\n{act}")
        assert (ended.returncode, ended.stderr.split()[0]) == (1, "99")
    assert list(tmp_path.iterdir()) == []


def test_json_is_one_document_of_a_known_form(project, tmp_path, good):
    ended = check(tmp_path, "--format", "json", "good.yaml", project("bad.yaml", good.replace("run.id", "run.idd")))
    document = json.loads(ended.stdout)
    machine = document["files"][0].pop("machine")
    assert (sorted(machine), ended.stderr) == (["payload_bytes", "segments"], "")
    finding = {
        "line": 17, "column": 68, "code": "J206", "level": "error", "message": 'run has no "idd"', "hint": 'did you mean "id"?',
        "path": ["steps", 1, "payload", "run"], "title": CODES["J206"].title, "way_out": CODES["J206"].way_out,
    }  # fmt: skip
    assert document == {
        "version": 1,
        "files": [
            {"file": "good.yaml", "right": True, "findings": []},
            {"file": "bad.yaml", "right": False, "machine": None, "findings": [finding]},
        ],
        "errors": 1,
        "warnings": 0,
    }


@pytest.mark.parametrize("name", ["J209", "j209"])
def test_explain_shows_the_page_of_a_code(tmp_path, name):
    ended = check(tmp_path, "--explain", name)
    written = (ROOT / "docs" / "errors" / "J209.md").read_text("utf-8")
    beginning, own_place = written.split("It is an error")[0], "shows this page"
    assert (ended.returncode, ended.stdout.startswith(beginning), own_place in written) == (0, True, True)
    assert [mark for mark in ("](", own_place, "All codes") if mark in ended.stdout] == []


@pytest.mark.parametrize(
    ("name", "says"),
    [("m102", "# M102: MappingError"), ("L101", "the function failed with"), ("D101", "# D101: DatabaseError")],
)
def test_explain_tells_what_a_run_raises_too(tmp_path, name, says):
    ended = check(tmp_path, "--explain", name)
    assert (ended.returncode, says in ended.stdout, "Raised in `" in ended.stdout) == (0, True, True)


def test_explain_names_no_code_of_another_family(tmp_path):
    ended = check(tmp_path, "--explain", "X102")
    assert (ended.returncode, "did you mean" in ended.stderr, "there is no code X102" in ended.stderr) == (2, False, True)


def test_explain_says_which_code_was_meant(tmp_path):
    ended = check(tmp_path, "--explain", "J299")
    assert (ended.returncode, "there is no code J299; did you mean" in ended.stderr) == (2, True)


def test_without_a_job_it_asks_for_one(tmp_path):
    assert (check(tmp_path).returncode, "name a job file" in check(tmp_path).stderr) == (2, True)


def on_terminal(folder, *arguments, **variables):
    """What the command writes to a terminal, standard error first."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", MAIN, "check", *arguments]
    environment = {**{name: value for name, value in os.environ.items() if name != "NO_COLOR"}, "TERM": "xterm", **variables}
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=theirs, stdout=subprocess.DEVNULL) as process:
        os.close(theirs)
        told = b""
        while chunk := _read(ours):
            told += chunk
        os.close(ours)
        process.wait(60)
    return told.decode().replace("\r\n", "\n")


def _read(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when the other end is closed
        return b""


SHOWN = """\
bad.yaml:23:11 J207 "cod" is in key and not in the mapping; did you mean "code"?
      key: [cod]
            ^
"""


def test_on_a_terminal_the_line_is_shown_with_a_mark_under_the_place(project, tmp_path, good):
    bad = project("bad.yaml", good.replace("key: [code]", "key: [cod]"))
    assert on_terminal(tmp_path, bad, NO_COLOR="1") == SHOWN
    coloured = on_terminal(tmp_path, bad)
    assert "\x1b[31m\x1b[1mJ207\x1b[0m" in coloured
    assert "\x1b" not in check(tmp_path, bad).stderr


def test_a_line_with_a_secret_is_never_shown(project, tmp_path, good):
    bad = project("bad.yaml", good.replace("${env:PG_URL}", "postgresql://u:hunter2@localhost/d"))
    told = [on_terminal(tmp_path, bad, NO_COLOR="1")]
    told += [check(tmp_path, "--format", form, bad) for form in ("text", "json", "sarif", "github")]
    assert all("J501" in str(each) and "hunter2" not in str(each) for each in told)
