"""Whether a file that a job makes could be one that starts it: templates are any text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portl.errors import InvalidPath
from portl.jobs._connections import kind_of
from portl.jobs._triggers import S3Trigger
from portl.stores import parse_address

_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
Specs = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Watched:
    """The objects that start a job: their bucket, and how their keys begin and end."""

    bucket: str
    prefix: str
    suffix: str

    def could_be(self, bucket: str, key: str) -> bool:
        """Whether an object could be one of these; both may hold templates."""
        if not _TEMPLATE.search(bucket) and bucket != self.bucket:
            return False
        first, *_, last = (parts := _TEMPLATE.split(key))[0], parts[-1]
        if len(parts) == 1:
            return key.startswith(self.prefix) and key.endswith(self.suffix) and len(key) >= len(self.prefix + self.suffix)
        return _begin_alike(first, self.prefix) and _begin_alike(last[::-1], self.suffix[::-1])


def watched(trigger: S3Trigger, connections: Specs) -> Watched | None:
    """What a trigger watches; None where its store is none of S3, or is not there."""
    if trigger.bucket is not None:
        return Watched(trigger.bucket, trigger.prefix, trigger.suffix)
    spec = connections.get(str(trigger.store), {})
    if kind_of(dict(spec)) != "s3":
        return None
    return Watched(str(spec.get("bucket", "")), below(spec) + trigger.prefix, trigger.suffix)


def below(spec: Mapping[str, Any]) -> str:
    """What the keys of a store of S3 begin with."""
    prefix = str(spec.get("prefix") or "").strip("/")
    return f"{prefix}/" if prefix else ""


def object_at(address: str, connections: Specs) -> tuple[str, str] | None:
    """Bucket and key of an address with templates; an address that is all template may be any. None: it is not in S3."""
    if address.lstrip().startswith("{{"):
        return "{{ any }}", "{{ any }}"
    try:
        found = parse_address(address)
    except InvalidPath:
        return None
    if found.bucket:
        return found.bucket, found.path
    spec = connections.get(found.store, {})
    return (str(spec.get("bucket", "")), below(spec) + found.path) if kind_of(dict(spec)) == "s3" else None


def _begin_alike(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
