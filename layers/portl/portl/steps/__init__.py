"""The step types, one file each: what the job writes, what expressions may read of the result, and the plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portl.jobs import StepSpec
    from portl.runs import StepType

NAMES = (
    "api.call",
    "conditional",
    "csv.read",
    "db.insert",
    "db.query_many",
    "db.query_one",
    "db.update",
    "db.upsert",
    "file.write",
    "lambda.invoke",
    "outbox.enqueue",
    "store.copy",
    "store.delete",
    "store.exists",
    "store.list",
    "store.move",
    "store.sign",
    "store.wait",
)


def load_step_type(name: str) -> StepType:
    """The step type of a name, its module imported now: a function loads only what its steps need."""
    found: StepType = import_module(f"portl.steps.{name.replace('.', '_')}").STEP
    return found


class _StepTypes(Mapping[str, "type[StepSpec]"]):
    def __getitem__(self, name: str) -> type[StepSpec]:
        if name not in NAMES:
            raise KeyError(name)
        return load_step_type(name).spec

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


STEP_TYPES: Mapping[str, type[StepSpec]] = _StepTypes()
"""The spec of every step type a job can name, loaded when it is looked up."""

__all__ = ["NAMES", "STEP_TYPES", "load_step_type"]
