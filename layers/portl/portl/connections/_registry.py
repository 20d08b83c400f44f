from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from portl.connections._models import CONNECTION_TYPES, HttpSpec, LambdaSpec, PostgresSpec
from portl.connections._secrets import resolve


class Connections:
    """The connections of one Task by name, each opened when it is first used and closed with the Task."""

    def __init__(self, specs: Mapping[str, Mapping[str, Any]]) -> None:
        self._specs = specs
        self._open: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """The open connection.

        Raises:
            MissingVariable: what its spec names is not set.
            StepError: it cannot be opened.
        """
        if name not in self._open:
            self._open[name] = _open(name, self._specs[name])
        return self._open[name]

    def kind(self, name: str) -> str:
        """The ``type`` of a connection."""
        return str(self._specs[name]["type"])

    def close(self) -> None:
        """Closes what was opened; an open transaction rolls back."""
        while self._open:
            self._open.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _open(name: str, raw: Mapping[str, Any]) -> Any:
    spec = CONNECTION_TYPES[str(raw["type"])].model_validate(resolve(dict(raw)))
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
    raise AssertionError(raw["type"])
