"""Stage 4, beyond ``iam``: what each function needs because of what jobs name, as data; read off their state machines.

A secret, a bucket or a function that no Task of a function names is none of its business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from portl.connections import variables
from portl.jobs import Job, S3Trigger, decode_spec, is_store, store_of, walk_steps, watched
from portl.runs import SPEC_REFERENCE
from portl_cli.compile.build import Compiled
from portl_cli.compile.cloudformation import at_deployment
from portl_cli.compile.iam import logical_id

DRAIN = logical_id("outbox_drain")
"""The function that sends what a job's ``outbox.enqueue`` wrote: it opens what the job names."""
_WRITTEN = {
    "store.copy": ("to",),
    "store.move": ("from", "to"),
    "store.delete": ("path",),
    "store.sign": ("path",),
    "file.write": ("path",),
}
"""The fields of a step that name what it writes, by its type."""
_KEY = re.compile(r"\$\{(\w+)Arn\}")
_WILD = re.compile(r"\{\{|[*?\[]")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """The objects of a bucket whose keys begin with ``prefix``."""

    bucket: str
    prefix: str = ""


@dataclass(slots=True)
class Rights:
    """What one function may do.

    ``functions`` are folders of functions/ or ARNs; ``unnamed`` are stores, each with what its bucket is told by: only a
    deployment knows it.
    """

    parameters: set[str] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    reads: set[Place] = field(default_factory=set)
    writes: set[Place] = field(default_factory=set)
    unnamed: set[tuple[str, str]] = field(default_factory=set)

    def __bool__(self) -> bool:
        return any((self.parameters, self.secrets, self.functions, self.reads, self.writes, self.unnamed))


def rights(jobs: Iterable[Compiled]) -> dict[str, Rights]:
    """By the template's name of a function, sorted, what jobs make it need; none that need nothing."""
    found: dict[str, Rights] = {}
    for compiled in jobs:
        everywhere = {place for step in walk_steps(compiled.job.steps) for each in step.addresses() if (place := _bucket(each))}
        everywhere |= {*_watched(compiled.job)}
        for function, payload in _tasks(compiled.definition):
            own = found.setdefault(function, Rights())
            _task(own, decode_spec(payload), compiled.specs)
            own.reads |= everywhere  # rows of a file may stay where they are, and whoever goes over them reads them
        if any(step.type == "outbox.enqueue" for step in walk_steps(compiled.job.steps)):
            _connections(found.setdefault(DRAIN, Rights()), compiled.job)
    return {name: found[name] for name in sorted(found) if found[name]}


def _watched(job: Job) -> Iterator[Place]:
    """Where the files are that start a job: it reads them."""
    for trigger in job.triggers:
        found = watched(trigger, job.connections) if isinstance(trigger, S3Trigger) else None
        if found is not None:
            yield Place(at_deployment(found.bucket), "" if "${" in found.prefix else found.prefix)


def _tasks(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every function that a definition invokes, with its payload."""
    if isinstance(value, list):
        for item in value:
            yield from _tasks(item)
    elif isinstance(value, dict):
        name = value.get("FunctionName")
        if isinstance(name, str) and (key := _KEY.fullmatch(name)):
            yield key[1], value["Payload"]
        for item in value.values():
            yield from _tasks(item)


def _task(own: Rights, payload: Mapping[str, Any], specs: Mapping[str, str]) -> None:
    steps = [json.loads(specs[step[SPEC_REFERENCE]]) if SPEC_REFERENCE in step else step for step in _steps(payload)]
    connections = payload.get("connections", {})
    if steps and all(step.get("type") == "conditional" and "then" not in step for step in steps):
        # it decides, and what stands in its branches is done by other Tasks; a run's key may be the checksum of a file
        connections = {name: spec for name, spec in connections.items() if is_store(spec)}
    _marks(own, [{**payload, "connections": connections}, steps])
    own.functions |= {str(spec["function"]) for spec in connections.values() if spec.get("type") == "lambda"}
    written = {address for step in steps for address in _written(step)}
    own.writes |= {place for address in written if (place := _bucket(address))}
    anywhere = any(address.lstrip().startswith("{{") for address in written)
    named = {store_of(address) for address in written}
    for name, spec in {**payload.get("row_stores", {}), **connections}.items():
        _store(own, name, spec, writes=name in named or (anywhere and name in connections))


def _steps(payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for group in payload.get("groups") or [{"steps": payload.get("steps") or [payload.get("step") or {}]}]:
        yield from group["steps"]


def _connections(own: Rights, job: Job) -> None:
    """What it takes to open all that a job names."""
    specs = {name: dict(spec) for name, spec in job.connections.items()}
    _marks(own, specs)
    own.functions |= {str(spec["function"]) for spec in specs.values() if spec.get("type") == "lambda"}


def _marks(own: Rights, value: Any) -> None:
    for kind, name in variables(value):
        (own.parameters if kind == "env" else own.secrets).add(name)


def _store(own: Rights, name: str, spec: Mapping[str, Any], *, writes: bool) -> None:
    """The rights to a store's bucket; none where it has keys of its own, or is no bucket of AWS."""
    if spec.get("type") != "s3" or spec.get("endpoint") or spec.get("access_key_id"):
        return
    bucket, prefix = str(spec["bucket"]), str(spec.get("prefix", "")).strip("/")
    if "${" in bucket + prefix:
        own.unnamed.add((name, bucket))
        return
    place = Place(bucket, f"{prefix}/" if prefix else "")
    own.reads.add(place)
    if writes:
        own.writes.add(place)


def _written(step: Mapping[str, Any]) -> Iterator[str]:
    for name in _WRITTEN.get(str(step.get("type")), ()):
        if isinstance(step.get(name), str):
            yield step[name]


def _bucket(address: str) -> Place | None:
    """What an address of a bucket says before its first pattern or expression; None of any other."""
    if not address.startswith("s3://"):
        return None
    bucket, _, key = _WILD.split(address.removeprefix("s3://"))[0].partition("/")
    return Place(bucket, key) if bucket and address.removeprefix(f"s3://{bucket}")[:1] == "/" else None
