"""Specs of steps that are too large for a state machine: kept under the runs' root, named by the hash of their content.

Where ``PORTL_SPECS`` names a place of their own, they are read from there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from portl.errors import Place, RunError, StoreError
from portl.stores import Store, open_store

SPEC_REFERENCE = "$spec"
"""The key of a Task's step that stands for a packaged spec; beside it only ``id`` and ``type``."""
SPECS = "specs"
"""The folder of packaged specs, under the runs' root and beside a job's state machine."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


def keep_specs(root: Store, specs: Mapping[str, str]) -> None:
    """Puts packaged specs, hash → content, under the runs' root; what is there already with that content stays."""
    for digest, text in specs.items():
        path = _path(digest)
        if not root.exists(path) or _digest(root.read(path)) != digest:
            root.write(path, text.encode(), overwrite=True)


def read_spec(root: Store, step: Mapping[str, Any]) -> dict[str, Any]:
    """The packaged spec that a Task's step stands for.

    Raises:
        RunError: R111, it is not there; R112, its content is not what its name says.
    """
    digest = str(step[SPEC_REFERENCE])
    place = Place(step=str(step.get("id", "")))
    try:
        text = _read(root, digest)
    except StoreError as problem:
        hint = "run `portl build` and put the job's specs folder under PORTL_RUNS"
        raise RunError(
            f"the packaged spec {digest} cannot be read: {problem.message}", code="R111", hint=hint, place=place
        ) from problem
    if _digest(text) != digest:
        hint = "remove the file, and put the one from the job's specs folder in its place"
        raise RunError(f"{_path(digest)} is not the spec that its name says", code="R112", hint=hint, place=place)
    spec: dict[str, Any] = json.loads(text)
    return spec


def _read(root: Store, digest: str) -> bytes:
    if not _DIGEST.fullmatch(digest):
        raise StoreError(f"{digest!r} is no SHA-256", code="F102", hint="64 hexadecimal digits")
    # On AWS they stand apart from the runs: they must not expire with them, and no function may write them.
    apart = os.environ.get("PORTL_SPECS", "")
    return open_store(apart).read(f"{digest}.json") if apart else root.read(_path(digest))


def _path(digest: str) -> str:
    return f"{SPECS}/{digest}.json"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
