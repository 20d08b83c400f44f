"""What the steps share that name one file or pattern under ``path``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from pydantic import Field

from portl.connections import Connections
from portl.jobs import StepSpec
from portl.runs import Scope
from portl.values import Unknown, as_string, compile_value


class PathSpec(StepSpec):
    """A step about what is under ``path``."""

    path: str = Field(description="The file: store:path, s3://bucket/key, or a path from the working folder.")

    def addresses(self) -> Iterator[str]:
        """See StepSpec."""
        yield self.path

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """See StepSpec."""
        yield from super().expressions()
        yield ("path",), self.path


def no_pattern_in_a_batch(step: StepSpec, field: str, address: str) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
    """J004 where a step that goes over records says a pattern: what it would mean for each is nobody's wish."""
    written = _EXPRESSION.sub("", address)
    if step.batch is not None and any(mark in written for mark in "*?["):
        hint = "list the files by store.list and give this step a batch over its rows, or leave the batch out"
        yield (field,), "J004", f"in a batch {field} is one file, and this is a pattern", hint


_EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
Spec = TypeVar("Spec", bound=PathSpec)


class AtPath(Generic[Spec]):
    """Such a step made ready."""

    def __init__(self, spec: Spec, _: Connections) -> None:
        self._spec = spec
        self._path = compile_value(spec.path)

    def _address(self, scope: Scope) -> str | Unknown:
        return as_string(self._path.render(scope))

    def result(self, answer: Any) -> Any:
        """What the store told."""
        return answer
