"""The beginning of a run: its parameters are checked and kept, its key is worked out."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from portl.connections import Connections
from portl.errors import RunError, TemplateError
from portl.jobs import PROFILE, Param, closest
from portl.runs._folder import RunFolder
from portl.runs._origin import REPLAY, RESUME, RUN_FILE, Origin, read_base
from portl.values import Unknown, compile_value

NEW_KEY = "$new_key"
"""In an execution's input beside the parameters: true makes the run new work, whatever its run_key says."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run as its functions know it. ``key`` names the work: two runs with one key are the same run."""

    id: str
    job: str
    started_at: str
    params: dict[str, Any]
    key: str
    origin: Origin | None = None

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
        RunError: R101 a parameter is missing, R102 of the wrong type, R103 unknown; R105 run_key cannot be worked out;
            R151 to R154 and R160 it is told to go on from a run that it cannot go on from.
    """
    declared = {name: Param.model_validate(spec) for name, spec in begin.get("params", {}).items()}
    texts = dict(given or {})
    anew, mark, replay = texts.pop(NEW_KEY, False), texts.pop(RESUME, None), texts.pop(REPLAY, None)
    if mark is not None or replay is not None:
        return _go_on(folder, started_at, replay or mark, (declared, texts), begin)
    params = read_params(declared, texts)
    said = _key(begin, params)
    key = f"{said} anew {folder.run_id}" if said and anew else said or folder.run_id
    run = Run(folder.run_id, begin["job"], started_at, params, key)
    return _kept(folder, run, said, started_at)


def _go_on(
    folder: RunFolder,
    began_at: str,
    mark: Mapping[str, Any],
    params: tuple[Mapping[str, Param], Mapping[str, Any]],
    begin: Mapping[str, Any],
) -> Run:
    base = read_base(folder, str(mark["run"]), begin["job"])
    taken = base_params(*params, base, str(mark["run"]))
    if "picks" not in mark:
        check_key(begin, taken, base, str(mark["run"]))
    run = Run(folder.run_id, begin["job"], base["started_at"], taken, base["key"], Origin.told(mark, base))
    return _kept(folder, run, base.get("run_key", ""), began_at)


def check_key(begin: Mapping[str, Any], params: Mapping[str, Any], base: Mapping[str, Any], run_id: str) -> None:
    """Refuses a run that is to go on from ``run_id``, whose ``run.json`` is ``base``, and would be other work.

    ``begin`` is ``{run_key, stores}``: what the job says, and the stores whose files it may hash.

    Raises:
        RunError: R153, the job's ``run_key`` comes to something else now; R105, it cannot be worked out.
    """
    said, earlier = _key(begin, params), base.get("run_key")
    if said and earlier and said != earlier:
        text = f"the run key is {said!r} now and was {earlier!r} in {run_id}: this is other work"
        raise RunError(text, code="R153", hint="give it the very input of that run, or run it without --resume")


def base_params(
    declared: Mapping[str, Param], texts: Mapping[str, Any], base: Mapping[str, Any], run_id: str
) -> dict[str, Any]:
    """The parameters of a run that goes on: those of the run it goes on from, ``base`` being its ``run.json``.

    Raises:
        RunError: R154, a parameter is given anew with another value; R101 to R103 as ``read_params``.
    """
    earlier = {name: value for name, value in base["params"].items() if name in declared and value is not None}
    params = read_params(declared, {**earlier, **texts})
    for name in texts:
        if name in base["params"] and params[name] != base["params"][name]:
            text = f'the parameter "{name}" was {base["params"][name]!r} in {run_id}, and its work is gone on with as it was'
            raise RunError(text, code="R154", hint="leave it out, or run the job without --resume")
    return params


def _kept(folder: RunFolder, run: Run, said: str, began_at: str) -> Run:
    document = {"job": run.job, "started_at": run.started_at, "params": run.params, "key": run.key, "run_key": said}
    profile = {"profile": os.environ.get(PROFILE) or None}
    origin = {"began_at": began_at, "base": run.origin.base, "origin": run.origin.to_json()} if run.origin else {}
    folder.write(RUN_FILE, document | profile | origin)
    return run


def load_run(folder: RunFolder) -> Run:
    """The run that ``begin_run`` kept."""
    kept = folder.read(RUN_FILE)
    return Run(folder.run_id, kept["job"], kept["started_at"], kept["params"], kept["key"], Origin.of(kept.get("origin")))


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


def _key(begin: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    expression = begin.get("run_key")
    if expression is None:
        return ""
    try:
        with Connections(begin.get("stores", {})) as stores:

            def checksum(path: str, version: str | None = None) -> str:
                return stores.file(path, version=version, exact=version is not None).checksum()

            value = compile_value(expression, functions={"checksum": checksum}).render({"params": params})
    except TemplateError as problem:
        raise RunError(f"run_key: {problem.message}", code="R105", hint=problem.hint) from problem
    if not isinstance(value, (str, int)) or value == "":
        raise RunError(f"run_key is {value!r}: it must be text or a whole number", code="R105")
    return str(value)
