from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel

from portl.connections._models import CONNECTION_TYPES, HttpSpec, LambdaSpec, PostgresSpec
from portl.connections._secrets import resolve


class Connections:
    """The connections of one Task by name, each opened when it is first used and closed with the Task."""

    def __init__(self, specs: Mapping[str, Mapping[str, Any]]) -> None:
        self._specs = specs
        self._open: dict[str, Any] = {}
        self._resolved: dict[str, BaseModel] = {}

    def get(self, name: str) -> Any:
        """The open connection.

        Raises:
            MissingVariable: what its spec names is not set.
            StepError: it cannot be opened.
        """
        if name not in self._open:
            self._open[name] = _open(name, self.spec(name))
        return self._open[name]

    def spec(self, name: str) -> Any:
        """The connection's model, its variables and secrets resolved.

        Raises:
            MissingVariable: what it names is not set.
        """
        if name not in self._resolved:
            raw = self._specs[name]
            self._resolved[name] = CONNECTION_TYPES[str(raw["type"])].model_validate(self.resolve(dict(raw)))
        return self._resolved[name]

    def resolve(self, value: Any) -> Any:
        """A JSON value of a step with its variables and secrets resolved; raises as ``spec``."""
        return resolve(value)

    def close(self) -> None:
        """Closes what was opened; an open transaction rolls back."""
        while self._open:
            self._open.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _open(name: str, spec: BaseModel) -> Any:
    match spec:
        case PostgresSpec():
            from portl.connections._postgres import PostgresConnection

            return PostgresConnection(name, spec)
        case HttpSpec():
            from portl.connections._http import HttpConnection

            return HttpConnection(name, spec)
        case LambdaSpec():
            from portl.connections._functions import LambdaConnection

            return LambdaConnection(name, spec)
    raise AssertionError(spec)
