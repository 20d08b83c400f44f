from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel, SecretStr, ValidationError

from portl.connections._models import CONNECTION_TYPES, HttpSpec, LambdaSpec, PostgresSpec
from portl.connections._secrets import resolve
from portl.errors import SetupError
from portl.stores import (
    STORE_TYPES,
    File,
    Files,
    OnCall,
    StoreSpec,
    in_project,
    open_store,
    overridden,
    prefix_of,
    wrong_fields,
)
from portl.values import REDACTOR


class Connections:
    """The connections of one Task by name, each opened when it is first used and closed with the Task."""

    def __init__(self, specs: Mapping[str, Mapping[str, Any]]) -> None:
        self._specs = specs
        self._open: dict[str, Any] = {}
        self._resolved: dict[str, BaseModel] = {}
        self._lock = threading.RLock()
        self.remaining: Callable[[], float] | None = None
        """Seconds until the function is stopped, which no attempt of a store goes beyond."""
        self.on_call: OnCall | None = None
        """Is told of every call of a store."""

    def get(self, name: str) -> Any:
        """The open connection.

        Raises:
            MissingVariable: what its spec names is not set.
            StepError: it cannot be opened.
        """
        with self._lock:  # records are under way together, and two stores of one name would not know that they are one
            if name not in self._open:
                self._open[name] = _open(name, self.spec(name), self.remaining, self.on_call)
            return self._open[name]

    def spec(self, name: str) -> Any:
        """The connection's model, its variables and secrets resolved.

        Raises:
            MissingVariable: what it names is not set; SetupError: V104, what it stands for does not fit.
        """
        if name not in self._resolved:
            raw = dict(self._specs[name])
            strict = True
            if raw["type"] in STORE_TYPES:
                raw, strict = overridden(name, raw), False  # what the environment says is text
            try:
                spec = CONNECTION_TYPES[str(raw["type"])].model_validate(self.resolve(raw), strict=strict)
            except ValidationError as problem:
                raise _wrong(name, problem) from None  # pydantic shows the values
            _hide_secrets(spec)
            self._resolved[name] = in_project(spec) if isinstance(spec, StoreSpec) else spec
        return self._resolved[name]

    def file(self, address: str, *, version: str | None = None, exact: bool = False) -> File:
        """The file of an address: of one of the stores among these, of a bucket, or of this machine. See ``Files.at``.

        Raises:
            InvalidPath, ConfigError: as ``Files.at``; MissingVariable as ``spec``.
        """
        return self._files.at(address, version=version, exact=exact)

    @cached_property
    def stores(self) -> tuple[str, ...]:
        """The names of those that are stores."""
        return tuple(name for name, spec in self._specs.items() if spec["type"] in STORE_TYPES)

    @cached_property
    def _files(self) -> Files:
        return Files(self.get, self.stores, on_call=self.on_call)

    def resolve(self, value: Any) -> Any:
        """A JSON value of a step with its variables and secrets resolved; raises as ``spec``."""
        return resolve(value)

    def close(self) -> None:
        """Closes what was opened; an open transaction rolls back."""
        self._files.close()
        while self._open:
            self._open.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _wrong(name: str, problem: ValidationError) -> SetupError:
    hint = f"correct what its variables, or those that begin with {prefix_of(name)}, stand for"
    return SetupError(f"the connection {name} is wrong: {wrong_fields(problem)}", code="V104", hint=hint)


def _hide_secrets(spec: BaseModel) -> None:
    """What a secret field holds is masked everywhere, wherever it came from."""
    for name in type(spec).model_fields:
        value = getattr(spec, name)
        if isinstance(value, SecretStr):
            REDACTOR.add(value.get_secret_value())


def _open(name: str, spec: BaseModel, remaining: Callable[[], float] | None, on_call: OnCall | None) -> Any:
    match spec:
        case StoreSpec():
            return open_store(spec, remaining=remaining, on_call=on_call)
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
