"""Which stores a job's files are in, and the file beside a project that declares stores for all its jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portl.errors import InvalidPath, JobError
from portl.jobs._connections import kind_of
from portl.jobs._diagnostics import Diagnostic, closest
from portl.jobs._models import Job, StepSpec, walk_steps
from portl.jobs._toml import read_toml
from portl.jobs._yaml import Document, YamlProblem, read_yaml
from portl.stores import STORE_TYPES, parse_address

PROFILE = "PORTL_PROFILE"
"""The environment variable that names the profile to run with."""
STORES_FILES = ("stores.yaml", "stores.toml")
Specs = Mapping[str, dict[str, Any]]


def is_store(spec: Mapping[str, Any] | None) -> bool:
    """Whether a connection is one of a store."""
    return kind_of(dict(spec or {})) in STORE_TYPES


def store_of(address: str) -> str:
    """The name of the store that an address says by itself; nothing where a template makes it, or where it names none."""
    if address.lstrip().startswith("{{"):
        return ""
    try:
        return parse_address(address.partition("{{")[0] or address).store
    except InvalidPath:
        return ""


def may_name_any(step: StepSpec) -> bool:
    """Whether only the run can tell which store a file of the step is in."""
    return any(address.lstrip().startswith("{{") for address in step.addresses())


def stores_of(job: Job, steps: Iterable[StepSpec]) -> set[str]:
    """The names of the stores that the steps may touch: those their addresses name, all where a template makes an address."""
    found: set[str] = set()
    for step in walk_steps(list(steps)):
        found |= {store_of(address) for address in step.addresses()}
        if may_name_any(step):
            found |= job.connections.keys()
    return {name for name in found if is_store(job.connections.get(name))}


def key_stores(job: Job) -> dict[str, Any]:
    """The stores whose files ``run_key`` may hash."""
    if "checksum" not in (job.run_key or ""):
        return {}
    return {name: spec for name, spec in job.connections.items() if is_store(spec)}


@dataclass(frozen=True, slots=True)
class StoresFile:
    """What ``stores.yaml`` or ``stores.toml`` declares: connections of stores, and profiles of them, as a job has them."""

    file: str = ""
    connections: Specs = field(default_factory=dict)
    profiles: Mapping[str, Specs] = field(default_factory=dict)


NO_STORES_FILE = StoresFile()


def with_stores(job: Job, beside: StoresFile) -> Job:
    """The job with those stores of the file that it may use and does not declare itself."""
    steps = [*walk_steps(job.steps)]
    named = {store_of(address) for step in steps for address in step.addresses()}
    every = any(map(may_name_any, steps))
    added = {name: spec for name, spec in beside.connections.items() if every or name in named}
    if not added:
        return job
    return job.model_copy(update={"connections": {**added, **job.connections}})


def with_profile(job: Job, beside: StoresFile, profile: str | None) -> Job:
    """The job with the connections of a profile in the place of its own.

    Raises:
        JobError: J000, neither the job nor the file of stores has such a profile.
    """
    if not profile:
        return job
    known = {*job.profiles, *beside.profiles}
    if profile not in known:
        raise JobError(f'there is no profile "{profile}"; {closest(profile, known) or "no job or stores file declares one"}')
    told = {**beside.profiles.get(profile, {}), **job.profiles.get(profile, {})}
    return job.model_copy(update={"connections": {name: told.get(name, spec) for name, spec in job.connections.items()}})


def read_document(file: Path) -> tuple[Document | None, list[Diagnostic]]:
    """A file of stores as a document with places; of TOML only the tables have one.

    Raises:
        JobError: it cannot be read.
    """
    name = str(file)
    try:
        text = file.read_text("utf-8-sig")
    except OSError as problem:
        raise JobError(f"{name} cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError:
        return None, [Diagnostic(name, 1, 1, "J001", "the file is not UTF-8", "save it as UTF-8")]
    try:
        document = read_toml(text) if file.suffix == ".toml" else read_yaml(text)
    except YamlProblem as problem:
        return None, [Diagnostic(name, problem.line, problem.column, "J001", str(problem), problem.hint)]
    return document, [Diagnostic(name, each.line, each.column, "J001", str(each)) for each in document.problems]
