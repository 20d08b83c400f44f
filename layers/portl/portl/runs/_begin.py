"""The beginning of a run: its parameters are checked and kept, its key is worked out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from portl.errors import RunError, TemplateError
from portl.jobs import Param, closest
from portl.runs._folder import RunFolder
from portl.stores import checksum
from portl.values import Unknown, compile_value

RUN_FILE = "run.json"


@dataclass(frozen=True, slots=True)
class Run:
    """One run as its functions know it. ``key`` names the work: two runs with one key are the same run."""

    id: str
    job: str
    started_at: str
    params: dict[str, Any]
    key: str

    @property
    def now(self) -> datetime:
        """The run's start: what ``now`` is in every expression."""
        return datetime.fromisoformat(self.started_at)

    @property
    def scope(self) -> dict[str, Any]:
        """The names that every expression of the run sees."""
        run = {"id": self.id, "job": self.job, "started_at": self.started_at}
        return {"params": self.params, "run": run, "now": self.now}

    def idempotency_key(self, step_id: str, record: int | None) -> str | Unknown:
        """The key of one external call: the same over retries and over runs of one key."""
        text = json.dumps([self.job, self.key, step_id, record])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def begin_run(folder: RunFolder, started_at: str, given: Any, begin: Mapping[str, Any]) -> Run:
    """Checks the parameters, keeps ``run.json`` and answers the run.

    Raises:
        RunError: R101 a parameter is missing, R102 of the wrong type, R103 unknown; R105 run_key cannot be worked out.
    """
    declared = {name: Param.model_validate(spec) for name, spec in begin.get("params", {}).items()}
    params = read_params(declared, given or {})
    key = _key(begin.get("run_key"), params) or folder.run_id
    run = Run(folder.run_id, begin["job"], started_at, params, key)
    folder.write(RUN_FILE, {"job": run.job, "started_at": started_at, "params": params, "key": key})
    return run


def load_run(folder: RunFolder) -> Run:
    """The run that ``begin_run`` kept."""
    kept = folder.read(RUN_FILE)
    return Run(folder.run_id, kept["job"], kept["started_at"], kept["params"], kept["key"])


def read_params(declared: Mapping[str, Param], given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters by name, typed, defaults filled in; text is read as its type, as it comes from a command line."""
    for name in given:
        if name not in declared:
            raise RunError(f'the job has no parameter "{name}"', code="R103", hint=closest(name, declared))
    params: dict[str, Any] = {}
    for name, param in declared.items():
        value = given.get(name, param.default)
        if value is None and param.required:
            raise RunError(f'the parameter "{name}" is required', code="R101", hint=f"--param {name}=…")
        params[name] = None if value is None else _typed(name, param.type, value)
    return params


def _typed(name: str, kind: str, value: Any) -> Any:
    try:
        return _READ[kind](value)
    except (TypeError, ValueError) as problem:
        text = f'the parameter "{name}" cannot be read as {kind}: {value!r}'
        raise RunError(text, code="R102", hint=f"give a {kind}") from problem


def _kind(*kinds: type) -> Any:
    def read(value: Any) -> Any:
        if isinstance(value, str) and str not in kinds:
            value = json.loads(value)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise TypeError(value)
        return value

    return read


_READ: dict[str, Any] = {
    "string": _kind(str),
    "int": _kind(int),
    "float": _kind(float, int),
    "bool": _kind(bool),
    "date": lambda value: date.fromisoformat(value).isoformat(),
    "list": _kind(list),
    "object": _kind(dict),
}


def _key(expression: str | None, params: Mapping[str, Any]) -> str:
    if expression is None:
        return ""
    try:
        value = compile_value(expression, functions={"checksum": checksum}).render({"params": params})
    except TemplateError as problem:
        raise RunError(f"run_key: {problem.message}", code="R105", hint=problem.hint) from problem
    if not isinstance(value, (str, int)) or value == "":
        raise RunError(f"run_key is {value!r}: it must be text or a whole number", code="R105")
    return str(value)
