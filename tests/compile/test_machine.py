"""The compiled machine: what the engine's check, another validator and a run say of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compile.test_dead_letters import BRANCHES, KEPT_ASIDE
from compile.test_segments import CALL, CONDITIONAL, LOOK, READ, UPSERT
from portl.jobs import Job, decode_spec, encode_spec
from portl_cli.compile import compile_job, definition_text
from portl_cli.compile.picture import mermaid
from portl_cli.engine import FakeClock, FakeHost, MachineError, check, execute, load_machine

ROOT = Path(__file__).resolve().parents[2]
JOBS = {
    "scope db": "transaction: {scope: db, connection: db}\n" + READ + UPSERT + CALL + LOOK,
    "staged": "transaction: {scope: db, connection: db, staging: true}\n" + READ + UPSERT + CALL,
    "scope chunk": "transaction: {scope: chunk, connection: db}\n" + READ + UPSERT + CALL + LOOK,
    "no transaction": READ + UPSERT + LOOK + CALL,
    "a conditional in a batch": READ + CONDITIONAL.format(batch="batch: *each", test="row.code == 'a'"),
    "a conditional alone": "steps:\n" + CONDITIONAL.format(batch="when: '{{ params.wanted }}'", test="params.wanted"),
    "one step": "steps:\n  - {id: only, type: api.call, path: /x}\n",
    "one conditional and one branch": READ + CONDITIONAL.format(batch="batch: *each", test="true").split("    else:")[0],
    "dead letters": "transaction: {scope: chunk, connection: db}\n" + KEPT_ASIDE,
    "dead letters in branches": BRANCHES,
    "inline": READ.replace("as: row}", "as: row, mode: inline}"),
}
KEYS = [
    "ApiCall",
    "BatchItems",
    "Conditional",
    "CsvRead",
    "DbCommit",
    "DbStage",
    "DeadLetter",
    "DbTransaction",
    "DbUpsert",
    "DbQueryOne",
    "LambdaInvoke",
]


def compiled(job: Job) -> Any:
    return compile_job(job, lambda _: 900)


@pytest.mark.parametrize("kind", JOBS)
def test_every_shape_of_job_passes_the_engines_own_check(job: Callable[[str], Job], kind: str) -> None:
    definition = compiled(job(JOBS[kind])).definition
    assert check(definition, substitution_keys=[f"{key}FunctionArn" for key in KEYS]) == []


@pytest.mark.node
def test_every_machine_passes_an_independent_validator(job: Callable[[str], Job], node_modules: Path, tmp_path: Path) -> None:
    files = [*ROOT.glob("statemachines/*/*.asl.json")]
    for number, text in enumerate(JOBS.values()):
        file = tmp_path / f"{number}.asl.json"
        file.write_text(definition_text(compiled(job(text)).definition), "utf-8")
        files.append(file)
    assert len(files) == len(JOBS) + 3
    tool = [str(node_modules / ".bin" / "asl-validator")]
    paths = [part for file in files for part in ("--json-path", str(file))]
    done = subprocess.run([*tool, *paths], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_staged_transaction_is_chunks_side_by_side_and_one_commit_with_the_calls_behind_it(job: Callable[[str], Job]) -> None:
    states = compiled(job(JOBS["staged"])).definition["States"]
    assert [*states] == ["read", "enrich per chunk", "put per chunk", "put in one transaction", "call per chunk"]
    (task,) = states["put per chunk"]["ItemProcessor"]["States"].values()
    commit = states["put in one transaction"]["Arguments"]["Payload"]
    assert (states["put per chunk"]["MaxConcurrency"], task["Arguments"]["Payload"]["stage"]) == (10, commit["unit"])
    assert ("locks" in task["Arguments"]["Payload"], commit["locks"]) == (False, ["t"])
    assert task["Arguments"]["FunctionName"] == "${DbStageFunctionArn}"
    assert states["put in one transaction"]["Arguments"]["FunctionName"] == "${DbCommitFunctionArn}"


def test_an_unknown_field_is_refused(job: Callable[[str], Job]) -> None:
    definition = json.loads(definition_text(compiled(job(READ)).definition))
    definition["States"]["read"]["TimeoutSecond"] = 5
    with pytest.raises(MachineError) as caught:
        load_machine(definition)
    assert ["TimeoutSecond" in finding.path + finding.message for finding in caught.value.findings] == [True]


def test_the_same_job_gives_the_same_text(job: Callable[[str], Job]) -> None:
    assert definition_text(compiled(job(JOBS["scope db"])).definition) == definition_text(
        compiled(job(JOBS["scope db"])).definition
    )


def test_nothing_of_a_job_stands_in_the_machine_as_a_substitution(job: Callable[[str], Job]) -> None:
    text = definition_text(compiled(job(JOBS["scope db"])).definition)
    assert "${env" not in text
    assert "${secret" not in text


def test_an_encoded_spec_is_read_back_as_it_was() -> None:
    spec = {"a": "${env:X} and $${Y}", "b": ["{% $x %}", "", "two\n\nlines"], "$text": 1, "c": {"$lines": []}, "d": None}
    encoded = encode_spec(spec)
    assert decode_spec(json.loads(json.dumps(encoded))) == spec
    assert "${" not in json.dumps(encoded)


def test_every_task_waits_longer_than_its_function_may_run(job: Callable[[str], Job]) -> None:
    def tasks(states: dict[str, Any]) -> list[Any]:
        inner = [
            each for state in states.values() if "ItemProcessor" in state for each in tasks(state["ItemProcessor"]["States"])
        ]
        return [state["TimeoutSeconds"] for state in states.values() if state["Type"] == "Task"] + inner

    assert set(tasks(compiled(job(JOBS["scope chunk"])).definition["States"])) == {930}


def test_the_picture_names_every_state(job: Callable[[str], Job]) -> None:
    picture = mermaid(compiled(job(JOBS["a conditional in a batch"])).definition)
    assert all(name in picture for name in ("read", "enrich", "choose", "yes", "again", "no", "anyone in then of choose?"))


def test_a_conditional_alone_runs_one_way_only(job: Callable[[str], Job]) -> None:
    machine = load_machine(
        compiled(job(JOBS["a conditional alone"])).definition,
        substitutions={"ConditionalFunctionArn": "conditional", "ApiCallFunctionArn": "api_call"},
    )
    for branch, steps in (("then", ["yes", "again"]), ("else", ["no"]), (None, [])):
        host = FakeHost(
            {"conditional": lambda _, way=branch: {"run": {"id": "r"}, "branch": way}, "api_call": lambda _: {"done": True}}
        )
        ended = execute(machine, {}, name="r", host=host, clock=FakeClock())
        called = [payload["step"]["id"] for name, payload in host.calls if name == "api_call"]
        assert (ended.status, called) == ("SUCCEEDED", steps), ended.cause


@pytest.mark.parametrize("error", ["Runtime.ExitError", "Sandbox.Timedout", "Lambda.Unknown", "Transient"])
def test_a_task_whose_function_was_killed_or_late_is_done_again(job: Callable[[str], Job], error: str) -> None:
    machine = load_machine(compiled(job(JOBS["one step"])).definition, substitutions={"ApiCallFunctionArn": "api_call"})
    failures = [type(error, (Exception,), {})("killed")]

    def answer(_: Any) -> Any:
        if failures:
            raise failures.pop()
        return {"run": {"id": "r"}, "done": True}

    host = FakeHost({"api_call": answer})
    ended = execute(machine, {}, name="r", host=host, clock=FakeClock())
    assert (ended.status, len(host.calls)) == ("SUCCEEDED", 2), ended.cause
