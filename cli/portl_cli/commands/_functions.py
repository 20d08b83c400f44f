"""Calls of functions out of a local run: installed in every process that runs handlers."""

from __future__ import annotations

import importlib.util
import json
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portl.connections import Boto3Invoker, FunctionInvoker, Target, failed, resolve, use_invoker
from portl.errors import FunctionError
from portl.jobs import Job, is_store, store_of, walk_steps
from portl.runs import use_progress
from portl.stores import overridden
from portl_cli.engine import Hook, Link, Succeeded

if TYPE_CHECKING:
    from portl_cli.commands._project import Project


def job_hook(project: Project, job: Job, job_folder: Path) -> Hook:
    """The hook that readies a process for the handlers of a job.

    They can call the project's functions and those in files beside the job, they tell how far they are, and every secret of the
    job is known from the beginning, so that none appears in what a process writes, wherever it got it from.
    """
    given = {
        "folders": {function.code_dir.name: function.name for function in project.template.functions.values()},
        "job_folder": str(job_folder.resolve()),
        "specs": job_specs(job),
    }
    return Hook("portl_cli.commands._functions:install", given)


def job_specs(job: Job) -> list[dict[str, Any]]:
    """What may name variables and secrets: the connections, stores as the environment has them, and the headers of steps."""
    steps = (step.model_dump(mode="json", by_alias=True, include={"headers"}) for step in walk_steps(job.steps))
    return [*(overridden(name, spec) if is_store(spec) else spec for name, spec in job.connections.items()), *steps]


def needed_specs(job: Job) -> list[dict[str, Any]]:
    """Those without which the job cannot run: all, but for stores that only the run may name."""
    named = {store_of(address) for step in walk_steps(job.steps) for address in step.addresses()}
    spared = {name for name, spec in job.connections.items() if is_store(spec) and name not in named}
    kept = {name: spec for name, spec in job.connections.items() if name not in spared}
    return job_specs(job.model_copy(update={"connections": kept}))


def install(link: Link, given: Mapping[str, Any]) -> None:
    """See Hook."""
    for spec in given["specs"]:
        resolve(spec, leave_missing=True)
    use_progress(link.send)
    use_invoker(LocalInvoker(link, given["folders"], Path(given["job_folder"])))


class LocalInvoker:
    """The host runs functions of this project; what is in a file runs here, one call at a time; an ARN is called on AWS."""

    def __init__(self, link: Link, folders: Mapping[str, str], job_folder: Path) -> None:
        self._link, self._folders, self._job_folder = link, folders, job_folder
        self._lock = threading.Lock()
        self._files: dict[str, Callable[[Any, Any], Any]] = {}
        self._aws: FunctionInvoker = Boto3Invoker()

    def invoke(self, target: Target, payload: str, *, event: bool) -> Any:
        """See FunctionInvoker."""
        if target.kind == "arn":
            return self._aws.invoke(target, payload, event=event)
        if target.kind == "file":
            with self._lock:
                return _called(target, self._file(target), json.loads(payload))
        answer = self._link.invoke(self._name(target), json.loads(payload))
        if isinstance(answer, Succeeded):
            return None if event else answer.payload
        raise failed(target, answer.error_type, answer.error_message, answer.stack_trace)

    def _name(self, target: Target) -> str:
        if target.name not in self._folders:
            hint = f"add it to template.yaml with CodeUri: functions/{target.name}/"
            raise FunctionError(f"template.yaml has no function in functions/{target.name}", code="L103", hint=hint)
        return self._folders[target.name]

    def _file(self, target: Target) -> Callable[[Any, Any], Any]:
        if target.name not in self._files:
            file, _, function = target.name.rpartition(":")
            path = self._job_folder / file
            spec = importlib.util.spec_from_file_location(f"portl_local_{path.stem}", path)
            if not path.is_file() or spec is None or spec.loader is None:
                raise FunctionError(f"{path} is not there", code="L103", hint="a path from the job's folder")
            module = importlib.util.module_from_spec(spec)
            try:
                spec.loader.exec_module(module)
                self._files[target.name] = getattr(module, function)
            except (Exception, SystemExit) as problem:
                text = f"{target.name} cannot be loaded: {type(problem).__name__}: {problem}"
                raise FunctionError(text, code="L103", hint="look into the file") from problem
        return self._files[target.name]


def _called(target: Target, function: Callable[[Any, Any], Any], payload: Any) -> Any:
    try:
        return function(payload, None)
    except (Exception, SystemExit) as problem:
        stack = traceback.format_list(traceback.extract_tb(problem.__traceback__)[1:])
        raise failed(target, type(problem).__name__, str(problem), stack) from problem
