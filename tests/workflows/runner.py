"""Executes the steps of workflows and composite actions as GitHub's runner does, as far as ours use it.

Shell steps run in bash with the options the runner gives it, and speak to it through files. Expressions are evaluated in the
few forms that stand in this repository; any other is an error, so that nothing is passed over. Actions of others are noted,
not run. https://docs.github.com/en/actions/writing-workflows/workflow-syntax-for-github-actions
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from flows.support import ROOT

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_NAME = re.compile(r"[a-z_][\w-]*(\.[\w-]+)*", re.IGNORECASE)
SHELLS = {"bash": ("--noprofile", "--norc", "-eo", "pipefail"), None: ("-e",)}
"""What the runner calls bash with where a step names it, and where none does."""


@dataclass
class Step:
    """A step that was run: what it printed and how it ended; of an action of another repository only its inputs."""

    name: str
    code: int = 0
    out: str = ""
    given: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass
class Runner:
    """One job on one machine: a workspace, a folder for what is passed on, an environment."""

    workspace: Path
    temp: Path
    environment: Mapping[str, str]
    summary: str = ""
    steps: list[Step] = field(default_factory=list)
    failed: bool = False
    shell: str | None = None
    """What runs a step that names no shell: the workflow's default."""

    def job(self, workflow: Path, name: str, inputs: Mapping[str, Any], **contexts: Any) -> Runner:
        """Runs a job of a workflow when its condition holds."""
        found = load(workflow)
        job, self.shell = found["jobs"][name], found.get("defaults", {}).get("run", {}).get("shell")
        context = {"inputs": _texts(inputs), **contexts}
        if evaluate(str(job.get("if", "true")), context, self):
            self._run(job["steps"], context)
        return self

    def action(self, folder: Path, given: Mapping[str, Any], path: Path | None = None) -> dict[str, str]:
        """Runs a composite action; answers its outputs."""
        action = load(folder / "action.yml")
        unknown = given.keys() - action["inputs"].keys()
        assert not unknown, f"the action has no input {unknown}"
        missing = [name for name, spec in action["inputs"].items() if spec.get("required") and name not in given]
        assert not missing, f"the action needs {missing}"
        inputs = {name: spec.get("default", "") for name, spec in action["inputs"].items()} | {**given}
        context = {"inputs": _texts(inputs)}
        steps = self._run(action["runs"]["steps"], context, path or folder)
        context["steps"] = steps
        return {name: fill(spec["value"], context, self) for name, spec in action["outputs"].items()}

    def _run(self, steps: list[dict[str, Any]], context: dict[str, Any], action: Path | None = None) -> dict[str, Any]:
        context["steps"] = done = {}
        for step in steps:
            condition = str(step.get("if", "success()"))
            if self.failed and "always()" not in condition:
                continue
            if evaluate(condition, context, self):
                outputs = self._step(step, context, action)
                if "id" in step:
                    done[step["id"]] = {"outputs": outputs}
        return done

    def _step(self, step: dict[str, Any], context: dict[str, Any], action: Path | None) -> dict[str, str]:
        if "run" in step:
            return self._shell(step, context, action)
        given = {name: fill(_text(value), context, self) for name, value in step.get("with", {}).items()}
        if step["uses"].startswith("./"):
            return self.action(ROOT / step["uses"], given, self.workspace / step["uses"])
        self.steps.append(Step(step["uses"], given=given))
        return {}

    def _shell(self, step: dict[str, Any], context: dict[str, Any], action: Path | None) -> dict[str, str]:
        assert "${{" not in step["run"], "an expression inside a script is code that an input writes"
        files = {name: self.temp / f"{name.lower()}-{len(self.steps)}" for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.touch()
        script = self.temp / f"step-{len(self.steps)}.sh"
        script.write_text(step["run"], "utf-8")
        given = {name: fill(_text(value), context, self) for name, value in step.get("env", {}).items()}
        own = {"GITHUB_ACTION_PATH": str(action or ""), "RUNNER_TEMP": str(self.temp), "GITHUB_ACTIONS": "true", "CI": "true"}
        variables = {**self.environment, **own, **{name: str(file) for name, file in files.items()}, **given}
        command = ["bash", *SHELLS[step.get("shell", self.shell)], str(script)]
        ended = subprocess.run(command, cwd=self.workspace, env=variables, capture_output=True, text=True, check=False)
        outputs = _outputs(files["GITHUB_OUTPUT"].read_text("utf-8"))
        self.summary += files["GITHUB_STEP_SUMMARY"].read_text("utf-8")
        self.steps.append(Step(step.get("name", ""), ended.returncode, ended.stdout + ended.stderr, given, outputs))
        self.failed = self.failed or ended.returncode != 0
        return outputs


def make_runner(tmp_path: Path, **variables: str) -> Runner:
    """A machine whose workspace has this repository's jobs, and whose Python has Portl."""
    workspace, temp = tmp_path / "workspace", tmp_path / "temp"
    workspace.mkdir()
    temp.mkdir()
    lay_out(workspace)
    (workspace / ".github").symlink_to(ROOT / ".github")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PORTL_", "AWS_", "GITHUB_"))}
    return Runner(workspace, temp, {**kept, "PATH": path, **variables})


def lay_out(workspace: Path) -> None:
    """Puts this repository's project there, as copies where its place is looked for: runs leave nothing in the checkout."""
    shutil.copytree(ROOT / "statemachines", workspace / "statemachines")
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copyfile(ROOT / name, workspace / name)
    for name in ("functions", "layers"):
        (workspace / name).symlink_to(ROOT / name)


def load(file: Path) -> dict[str, Any]:
    """A workflow or an action."""
    found: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return found


def fill(text: str, context: Mapping[str, Any], runner: Runner) -> str:
    """The text with its expressions replaced by what they come to: once, so that an input is never read as one."""
    return _EXPRESSION.sub(lambda found: _text(_value(found[1].strip(), context, runner)), text)


def evaluate(condition: str, context: Mapping[str, Any], runner: Runner) -> bool:
    """Whether a condition holds."""
    text = condition.removeprefix("${{").removesuffix("}}").strip()
    if "||" in text:
        return any(evaluate(part, context, runner) for part in text.split("||"))
    if "&&" in text:
        return all(evaluate(part, context, runner) for part in text.split("&&"))
    for sign, same in (("==", True), ("!=", False)):
        left, found, right = text.partition(sign)
        if found:
            values = [_text(_value(part.strip(), context, runner)) for part in (left, right)]
            return (values[0] == values[1]) is same
    return _text(_value(text, context, runner)) not in ("", "false")


def _value(text: str, context: Mapping[str, Any], runner: Runner) -> Any:
    if text in ("always()", "true"):
        return True
    if text == "success()":
        return not runner.failed
    if text[:1] == text[-1:] == "'":
        return text[1:-1].replace("''", "'")
    assert _NAME.fullmatch(text), f"the runner of the tests does not know {text!r}"
    value: Any = context
    for part in text.split("."):
        value = value.get(part, "") if isinstance(value, Mapping) else ""
    return value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _texts(given: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in given.items()}


def _outputs(text: str) -> dict[str, str]:
    """``name=value``, or ``name<<END`` with lines up to END."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, many, end = line.partition("<<")
        if many and "=" not in name:
            found[name] = "\n".join(iter(lambda end=end: next(lines), end))
        else:
            name, _, found_value = line.partition("=")
            found[name] = found_value
    return found
