"""What can be found wrong in a job without running it. Each rule is one function and says its codes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from portl.errors import TemplateError
from portl.jobs._diagnostics import Diagnostic, closest
from portl.jobs._models import RESERVED, Job, StepSpec, walk_steps
from portl.jobs._references import as_step_reference, source_of
from portl.jobs._transactions import check_transaction
from portl.jobs._yaml import Document, Path
from portl.values import Compiled, Reference, compile_value, is_condition

_AWS_JSONATA = re.compile(r"^\{%.*%\}$", re.DOTALL)


@dataclass(slots=True)
class Check:
    """One file under check: the job, where its parts stand, and what was found so far."""

    job: Job
    file: str
    document: Document
    findings: list[Diagnostic] = field(default_factory=list)
    order: dict[str, list[StepSpec]] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)

    def add(self, path: Path, code: str, message: str, hint: str = "", *, offset: int = 0, key: bool = False) -> None:
        """Notes a finding at a value (or key) of the file, ``offset`` characters into its text."""
        spot = self.document.spot(path, key=key)
        column = spot.column + (offset if spot.plain else 0)
        self.findings.append(Diagnostic(self.file, spot.line, column, code, message, hint, path))


def check_job(
    job: Job, file: str, document: Document, connections: Mapping[str, type[BaseModel]], *, whole: bool = True
) -> list[Diagnostic]:
    """Every finding in a job whose form is right. ``connections`` are the models of connections by ``type``.

    ``whole`` is false when steps of the job could not be read: then nothing is said of its transaction.
    """
    check = Check(job, file, document)
    check.paths = dict(step_paths(job.steps, ("steps",)))
    _names(check)
    _connections(check, connections)
    _strings(check)
    _run_key(check)
    for step in walk_steps(job.steps):
        _connection_of(check, step, connections)
        _expressions(check, step)
        _batch(check, step)
        for path, code, message, hint in step_findings(step):
            check.add((*check.paths[step.id], *path), code, message, hint)
        check.findings += step.findings_in_files()
        check.order.setdefault(step.name, []).append(step)
    if whole and not check.findings:
        for step_id, code, message, hint in check_transaction(job):
            check.add(check.paths.get(step_id, ("transaction",) if job.transaction else ("triggers",)), code, message, hint)
    return check.findings


def step_paths(steps: Any, path: Path) -> Iterator[tuple[str, Path]]:
    """Where each step stands in the file, by its id."""
    for at, step in enumerate(steps):
        yield step.id, (*path, at)
        for branch, inner in step.branches():
            yield from step_paths(inner, (*path, at, branch))


def step_findings(step: StepSpec) -> Iterator[tuple[Path, str, str, str]]:
    """What the step type itself finds wrong: (path, code, message, hint)."""
    finder = getattr(step, "findings", None)
    if finder is not None:
        yield from finder()


def _names(check: Check) -> None:
    """J006, J007: ids are unique, names are free."""
    seen: dict[str, StepSpec] = {}
    for step in walk_steps(check.job.steps):
        path = check.paths[step.id]
        if step.id in seen:
            check.add((*_duplicate_path(check, step), "id"), "J006", f'the id "{step.id}" stands twice')
        seen[step.id] = step
        for name, where in ((step.id, "id"), (step.save_as, "save_as"), (step.batch and step.batch.alias, "batch")):
            if name in RESERVED:
                check.add((*path, where), "J007", f'"{name}" has a meaning of its own and cannot be a name')
    ids = set(seen)
    for step in seen.values():
        if step.save_as in ids - {step.id}:
            check.add((*check.paths[step.id], "save_as"), "J006", f'"{step.save_as}" is the id of another step')


def _duplicate_path(check: Check, step: StepSpec) -> Path:
    all_paths = [path for name, path in step_paths(check.job.steps, ("steps",)) if name == step.id]
    return all_paths[-1]


def _connections(check: Check, models: Mapping[str, type[BaseModel]]) -> None:
    """J204, J002…: each connection fits its model."""
    for name, spec in check.job.connections.items():
        path: Path = ("connections", name)
        kind = spec.get("type")
        if not isinstance(kind, str) or kind not in models:
            text = f'there is no connection type "{kind}"' if kind else "a connection needs a type"
            check.add((*path, "type") if kind else path, "J204", text, closest(str(kind), models))
            continue
        try:
            models[kind].model_validate(spec)
        except ValidationError as problem:
            for error in problem.errors():
                _connection_finding(check, path, error, models[kind])


def _connection_finding(check: Check, path: Path, error: Any, model: type[BaseModel]) -> None:
    where = (*path, *error["loc"])
    if error["type"] == "extra_forbidden":
        known = [item.alias or name for name, item in model.model_fields.items()]
        check.add(where, "J002", f'unknown field "{error["loc"][-1]}"', closest(str(error["loc"][-1]), known), key=True)
    elif error["type"] == "missing":
        check.add(path, "J003", f'the field "{error["loc"][-1]}" is missing')
    else:
        check.add(where, "J004", f"{error['loc'][-1] if error['loc'] else path[-1]}: {error['msg']}")


def _connection_of(check: Check, step: StepSpec, models: Mapping[str, type[BaseModel]]) -> None:
    """J204: the step's connection exists and is of its kind."""
    path = check.paths[step.id]
    wanted = step.connects_to
    if step.connection is not None:
        spec = check.job.connections.get(step.connection)
        where = (*path, "connection")
        if spec is None:
            hint = closest(step.connection, check.job.connections)
            check.add(where, "J204", f'there is no connection "{step.connection}"', hint)
        elif wanted is None:
            check.add(where, "J204", f"{step.type} uses no connection")
        elif spec.get("type") != wanted and str(spec.get("type")) in models:
            check.add(where, "J204", f'{step.type} needs a {wanted} connection, "{step.connection}" is {spec.get("type")}')
        return
    if wanted is not None and connection_name(check.job, step) is None:
        kinds = [name for name, spec in check.job.connections.items() if spec.get("type") == wanted]
        text = f"{step.type} needs a {wanted} connection and " + ("there are several" if kinds else "there is none")
        check.add(path, "J204", text, f"write connection: {kinds[0]}" if kinds else f"add one of type {wanted} to connections")


def connection_name(job: Job, step: StepSpec) -> str | None:
    """The connection a step uses: its own, else the transaction's if of its kind, else the only one of its kind."""
    if step.connection is not None or step.connects_to is None:
        return step.connection
    if job.transaction and job.connections.get(job.transaction.connection, {}).get("type") == step.connects_to:
        return job.transaction.connection
    kinds = [name for name, spec in job.connections.items() if spec.get("type") == step.connects_to]
    return kinds[0] if len(kinds) == 1 else None


def _strings(check: Check) -> None:
    """J101: no string of the job is one that Step Functions would evaluate."""
    for path, value in check.document.values.items():
        text = _text_at(check.document.value, path)
        if isinstance(text, str) and _AWS_JSONATA.match(text.strip()) and value is not None:
            check.add(path, "J101", "{% %} is not for jobs: Step Functions would evaluate it", "use {{ }}")


def _text_at(value: Any, path: Path) -> Any:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _run_key(check: Check) -> None:
    """J101, J205, J206: run_key reads params only, and may take checksum(path)."""
    if check.job.run_key is not None:
        compiled = _compile(check, ("run_key",), check.job.run_key, {"checksum": str})
        for reference in compiled.references if compiled else ():
            if reference.path[0] != "params":
                text = f"run_key reads params only, not {reference.path[0]}"
                check.add(("run_key",), "J206", text, "two runs with one key are the same run", offset=reference.offset)
            else:
                _param(check, ("run_key",), reference)


def _compile(check: Check, path: Path, value: Any, functions: Mapping[str, Any] | None = None) -> Compiled | None:
    try:
        return compile_value(value, functions=functions)
    except TemplateError as problem:
        if isinstance(value, dict):
            for key, item in value.items():
                _compile(check, (*path, key), item, functions)
        elif isinstance(value, list):
            for at, item in enumerate(value):
                _compile(check, (*path, at), item, functions)
        else:
            check.add(path, "J101", problem.message, problem.hint, offset=getattr(problem, "offset", 0))
        return None


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _leaves(item, (*path, at))
    elif isinstance(value, str):
        yield path, value


def _expressions(check: Check, step: StepSpec) -> None:
    """J101, J201 to J206: every reference of the step's expressions leads somewhere."""
    base = check.paths[step.id]
    for where, value in step.expressions():
        if where in (("when",), ("if",)) and not is_condition(value):
            hint = "such as \"{{ row.state == 'new' }}\""
            check.add((*base, *where), "J004", f"{where[0]} is exactly one {{{{ expression }}}}, true or false", hint)
        for path, text in _leaves(value, (*base, *where)):
            compiled = _compile(check, path, text)
            for reference in compiled.references if compiled else ():
                _reference(check, step, path, reference)


def _reference(check: Check, step: StepSpec, path: Path, reference: Reference) -> None:
    head = reference.path[0]
    batch = batch_of(check, step)
    known = {"params", "steps", "run", "now"} | ({batch.alias, "idx"} if batch else set())
    if head == "params":
        _param(check, path, reference)
    elif head == "steps":
        _step_reference(check, step, path, reference)
    elif head == "run" and len(reference.path) > 1 and reference.path[1] not in ("id", "job", "started_at"):
        text = f'run has no "{reference.path[1]}"'
        check.add(path, "J206", text, closest(str(reference.path[1]), ("id", "job", "started_at")), offset=reference.offset)
    elif head not in known:
        check.add(path, "J206", f'there is nothing called "{head}" here', closest(str(head), known), offset=reference.offset)


def batch_of(check: Check, step: StepSpec) -> Any:
    """The batch a step runs in: its own, or that of the conditional around it."""
    if step.batch is not None:
        return step.batch
    path = check.paths[step.id]
    for outer_id, outer_path in check.paths.items():
        if len(outer_path) < len(path) and path[: len(outer_path)] == outer_path:
            outer = next(each for each in walk_steps(check.job.steps) if each.id == outer_id)
            if outer.batch is not None:
                return outer.batch
    return None


def _param(check: Check, path: Path, reference: Reference) -> None:
    name = reference.path[1] if len(reference.path) > 1 else None
    if isinstance(name, str) and name not in check.job.params:
        hint = closest(name, check.job.params) or "declare it under params"
        check.add(path, "J205", f'there is no parameter "{name}"', hint, offset=reference.offset)


def _step_reference(check: Check, step: StepSpec, path: Path, reference: Reference) -> None:
    found = as_step_reference(reference)
    if found is None:
        return
    targets = check.order.get(found.name)
    if targets is None:
        later = {each.name for each in walk_steps(check.job.steps)}
        code = "J202" if found.name in later else "J201"
        text = f'the step "{found.name}" stands later' if code == "J202" else f'there is no step "{found.name}"'
        if found.name == step.name:
            text = f'the step "{found.name}" cannot read its own result'
        check.add(path, code, text, closest(found.name, check.order) if code == "J201" else "", offset=reference.offset)
        return
    _alignment(check, step, path, reference, targets[0])
    shapes = [each.shape.fields for each in targets]
    if found.field is not None and all(fields is not None and found.field not in fields for fields in shapes):
        known = [name for fields in shapes for name in fields or ()]
        text = f'{targets[0].type} has no "{found.field}" in its result'
        check.add(path, "J203", text, closest(found.field, known), offset=reference.offset)


def _alignment(check: Check, step: StepSpec, path: Path, reference: Reference, target: StepSpec) -> None:
    """J209: one result a record is read by index, from a step over the same records."""
    found = as_step_reference(reference)
    mine, theirs = batch_of(check, step), batch_of(check, target)
    if found is None or found.name == step.name:
        return
    if theirs is None and found.indexed and not isinstance(reference.path[2], int):
        text = f'"{found.name}" has one result, not one a record'
        check.add(path, "J209", text, f"write steps.{found.name}", offset=reference.offset)
    elif theirs is not None and mine is None:
        text = f'"{found.name}" has a result for each record and this step has no batch'
        check.add(path, "J209", text, f"give it batch: {{from: {theirs.source!r}}}", offset=reference.offset)
    elif theirs is not None and not found.indexed:
        text = f'"{found.name}" has a result for each record'
        check.add(path, "J209", text, f"write steps.{found.name}[idx]", offset=reference.offset)
    elif theirs is not None and theirs.source.split() != mine.source.split():
        text = f'"{found.name}" runs over {theirs.source}, this step over {mine.source}: their records do not line up'
        check.add(path, "J209", text, offset=reference.offset)


def _batch(check: Check, step: StepSpec) -> None:
    """J208, J210: a batch goes over a list, in chunks of one size for one list."""
    if step.batch is None:
        return
    path = (*check.paths[step.id], "batch", "from")
    if batch_around(check, step):
        check.add(path[:-1], "J209", "a step inside a conditional over a batch has that batch already", "leave batch out")
    compiled = _compile(check, path, step.batch.source)
    for reference in compiled.references if compiled else ():
        if reference.path[0] in ("steps", "params"):
            _reference(check, step.model_copy(update={"batch": None}), path, reference)
        else:
            check.add(path, "J206", f'a batch reads steps or params, not "{reference.path[0]}"', offset=reference.offset)
    _is_list(check, step, path, compiled)
    _one_size(check, step)


def _is_list(check: Check, step: StepSpec, path: Path, compiled: Compiled | None) -> None:
    if compiled is None:
        return
    if compiled.constant:
        check.add(path, "J208", "a batch goes over a list that an expression names", 'as in "{{ steps.read_csv.rows }}"')
    source = source_of(step)
    target = check.order.get(source[0], [None])[0] if source else None
    if target is None or source is None or target.shape.fields is None:
        return
    if source[1] in target.shape.fields and source[1] not in target.shape.lists:
        lists = ", ".join(f"steps.{source[0]}.{name}" for name in sorted(target.shape.lists))
        check.add(path, "J208", f"steps.{source[0]}.{source[1]} is no list", f"a list is {lists}" if lists else "")


def batch_around(check: Check, step: StepSpec) -> bool:
    """Whether the step stands inside a conditional that has a batch."""
    return batch_of(check, step.model_copy(update={"batch": None})) is not None


def _one_size(check: Check, step: StepSpec) -> None:
    batch = step.batch
    if batch is None or batch.size is None:
        return
    for others in check.order.values():
        for other in others:
            theirs = other.batch
            if theirs and theirs.size and theirs.size != batch.size and theirs.source.split() == batch.source.split():
                text = f'chunks of {batch.size} here and of {theirs.size} in "{other.id}", over the same records'
                check.add((*check.paths[step.id], "batch", "size"), "J210", text, "write one size")
                return
