"""The same job on every host: in the command's own process, in worker processes, and under AWS's own runtime client."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from conftest import connect
from flows.support import FLOW_A, FLOW_B, RESOURCES, ROOT, VERSIONS, portl, project, records, start, write_records
from flows.test_failures import until
from portl_cli.embedded import Peer

HOSTS = ["inline", "workers", pytest.param("isolate", marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux only"))]
CHUNKS = {"resource_sync": 8, "resource_pull": 100}
"""Several chunks, so that there is something to run at once."""


def history(runs: Path) -> Counter[str]:
    """The events of a run without what differs from one run to the next, as often as each is there."""
    (file,) = runs.glob("*/history.jsonl")
    events = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert [event["id"] for event in events if not event["execution"]] == [
        *range(1, 1 + sum(not e["execution"] for e in events))
    ]
    return Counter(stable(event, file.parent.name) for event in events)


def stable(event: dict[str, Any], run_id: str) -> str:
    kept = {name: value for name, value in event.items() if name not in ("id", "previousEventId", "timestamp")}
    text = json.dumps(kept, sort_keys=True).replace(run_id, "RUN")
    started = event["type"] == "TaskScheduled" and "begin" in text
    return event["type"] if started or "started_at" in text else text


@pytest.mark.parametrize("flow", ["resource_sync", "resource_pull"])
def test_both_flows_give_the_same_rows_calls_and_history_on_every_host(
    tmp_path: Path, postgres_url: str, peer: Peer, flow: str
) -> None:
    hosts = ["inline", "workers", *(["isolate"] if sys.platform == "linux" else [])]
    job = project(tmp_path, {"as: row}": f"as: row, size: {CHUNKS[flow]}}}"}, job=FLOW_A if flow == "resource_sync" else FLOW_B)
    file = write_records(tmp_path / "in.csv", records(40, keys=15))
    given = f"path={file}" if flow == "resource_sync" else "batch_id=2026-11"
    found, called = {}, 0
    for host in hosts:
        connection = connect(postgres_url)
        connection.run("DROP TABLE IF EXISTS resources_versions, resources, portl_ledger")
        runs = tmp_path / host
        arguments = ["run", str(job), "--param", given, "--init-db", "--host", host]
        ended = portl(tmp_path, *arguments, PG_URL=postgres_url, NOTIFY_URL=peer.url, PORTL_RUNS=str(runs))
        assert ended.code == 0, ended.err
        calls = [(call["path"], json.dumps(call["body"], sort_keys=True)) for call in peer.calls()][called:]
        called += len(calls)
        rows = sorted(map(tuple, connection.run(RESOURCES))), sorted(map(repr, connection.run(VERSIONS)))
        told = [line for line in ended.out.splitlines() if "run page" not in line]
        found[host] = (rows, sorted(calls), history(runs), told)
        connection.close()
    for host in hosts[1:]:
        assert found[host] == found["inline"], host


def own_function(tmp_path: Path, code: str, timeout: int, job: str = "", script: str = "") -> Path:
    """A project whose job calls a function of its own template."""
    root = tmp_path / "own"
    folder = root / "statemachines" / "calling"
    folder.mkdir(parents=True)
    (root / "functions" / "slow_one").mkdir(parents=True)
    (root / "functions" / "slow_one" / "app.py").write_text(code, "utf-8")
    for each in (ROOT / "functions").iterdir():
        if each.is_dir():
            (root / "functions" / each.name).symlink_to(each)
    (root / "layers").symlink_to(ROOT / "layers")
    resource = (
        "  SlowOneFunction:\n    Type: AWS::Serverless::Function\n    Properties:\n"
        f"      CodeUri: functions/slow_one/\n      Timeout: {timeout}\n\n"
    )
    template = (ROOT / "template.yaml").read_text("utf-8")
    mark = "  # portl build begin"
    (root / "template.yaml").write_text(template.replace(mark, resource + mark, 1), "utf-8")
    text = "version: 2\njob: calling\nconnections:\n  fn: {type: lambda, function: slow_one}\nsteps:\n" + (
        job or "  - {id: ask, type: lambda.invoke, payload: {n: 1}, retry: {max_attempts: 1}}\n"
    )
    (folder / "job.yaml").write_text(text, "utf-8")
    return folder / "job.yaml"


SLEEPER = """
import os, pathlib, time
def handler(event, context):
    with (pathlib.Path(os.environ["PORTL_RUNS"]).parent / "pids").open("a") as file:
        file.write(f"{os.getpid()} {os.getppid()}\\n")
    print("asleep", flush=True)
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass
"""


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has buried yet has, too."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout.strip()
    return not shown or shown.startswith("Z")


def pids(tmp_path: Path) -> list[int]:
    file = tmp_path / "pids"
    return [int(pid) for pid in file.read_text("utf-8").split() if int(pid) > 1] if file.exists() else []


@pytest.mark.parametrize("host", HOSTS[1:])
def test_a_function_that_outlives_its_timeout_is_killed_and_the_run_says_so(tmp_path: Path, host: str) -> None:
    job = own_function(tmp_path, SLEEPER, timeout=1)
    ended = portl(tmp_path, "run", str(job), "--host", host, "--time-scale", "0.01")
    assert (ended.code, ended.out) == (1, ""), ended.err
    assert "failed in ask (lambda.invoke)" in ended.err
    assert "L105 slow_one failed with Sandbox.Timedout" in ended.err
    assert "Task timed out after 1.00 seconds" in ended.err
    assert pids(tmp_path)
    until(lambda: all(gone(pid) for pid in pids(tmp_path)))
    (printed,) = (tmp_path / "runs").glob("*/output.log")
    assert "asleep" in printed.read_text("utf-8")


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_when_the_command_is_interrupted_or_killed(tmp_path: Path, sign: signal.Signals) -> None:
    job = own_function(tmp_path, SLEEPER, timeout=600)
    process = start(tmp_path, "run", str(job))
    until(lambda: len(pids(tmp_path)) > 1)
    process.send_signal(sign)
    process.communicate(timeout=30)
    until(lambda: all(gone(pid) for pid in pids(tmp_path)))
    assert process.returncode == (-sign if sign == signal.SIGKILL else 130)


TALKER = """
import os, sys
def handler(event, context):
    print("a line on standard output")
    os.write(1, b"written past Python\\n")
    print("a secret", os.environ["PORTL_SECRET_TOKEN"], file=sys.stderr)
    return {"n": event["n"] * 2}
"""


@pytest.mark.parametrize("host", HOSTS[1:])
def test_what_a_function_prints_is_kept_with_the_run_redacted_and_not_in_the_answer(tmp_path: Path, host: str) -> None:
    job = own_function(tmp_path, TALKER, timeout=30)
    text = job.read_text("utf-8").replace(
        "steps:", '  api: {type: http, base_url: "http://h", headers: {A: "${secret:token}"}}\nsteps:'
    )
    job.write_text(text.replace("payload: {n: 1}", "connection: fn, payload: {n: 1}"), "utf-8")
    ended = portl(tmp_path, "run", str(job), "--host", host, PORTL_SECRET_TOKEN="s3cr3t-word")
    assert ended.code == 0, ended.err
    assert "standard output" not in ended.out + ended.err
    (file,) = (tmp_path / "runs").glob("*/output.log")
    printed = file.read_text("utf-8")
    assert [line in printed for line in ("a line on standard output", "written past Python", "a secret ", "s3cr3t-word")] == [
        *(True, True, True),
        False,
    ]


RUNTIME = "import os\ndef handler(event, context): print('runtime', os.environ.get('AWS_LAMBDA_RUNTIME_API', 'none'))\n"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_isolate_is_a_switch_of_its_own(tmp_path: Path) -> None:
    ended = portl(tmp_path, "run", str(own_function(tmp_path, RUNTIME, timeout=30)), "--isolate")
    assert ended.code == 0, ended.err
    (printed,) = (tmp_path / "runs").glob("*/output.log")
    assert "runtime 127.0.0.1:" in printed.read_text("utf-8")


BIG = "def handler(event, context): return {'rows': [{'text': 'x' * 1000}] * 7000}"
"""A good 7 MB."""


@pytest.mark.parametrize(("limits", "wanted"), [("on", 1), ("off", 0)])
def test_limits_bite_as_on_aws_and_can_be_off(tmp_path: Path, limits: str, wanted: int) -> None:
    ended = portl(tmp_path, "run", str(own_function(tmp_path, BIG, timeout=30)), "--limits", limits)
    assert (ended.code, "Function.ResponseSizeTooLarge" in ended.err) == (wanted, limits == "on"), ended.err


def test_help_loads_neither_the_engine_nor_its_hosts() -> None:
    code = "import sys; sys.argv = ['portl', '--help']; from portl_cli.main import main\n"
    code += "try: main()\nexcept SystemExit: print([name for name in sys.modules if 'engine' in name])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"


def test_isolation_without_the_client_says_how_to_get_it(tmp_path: Path) -> None:
    """An interpreter that cannot see the client, as on a machine that did not install the extra."""
    code = "import sys; sys.modules['awslambdaric'] = None; from portl_cli.main import main; main()"
    job = own_function(tmp_path, SLEEPER, timeout=2)
    arguments = [sys.executable, "-c", code, "run", str(job), "--isolate"]
    ended = subprocess.run(
        arguments, env={**os.environ, "PORTL_RUNS": str(tmp_path / "runs")}, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, "V207" in ended.stderr, "portl-serverless[isolate]" in ended.stderr) == (3, True, True), (
        ended.stderr
    )
