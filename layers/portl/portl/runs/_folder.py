from __future__ import annotations

import json
import os
from typing import Any

from portl.errors import RunError, SetupError
from portl.stores import Store, open_store
from portl.values import marked, to_json


def runs_root() -> Store:
    """The store of all runs: the folder or S3 prefix in ``PORTL_RUNS``.

    Raises:
        SetupError: the variable is not set.
    """
    root = os.environ.get("PORTL_RUNS", "")
    if not root:
        raise SetupError("PORTL_RUNS is not set", code="V102", hint="set it to the folder or s3:// prefix of the runs")
    return open_store(root)


class RunFolder:
    """What one run keeps, under its id: ``run.json``, ``results/``, ``errors/``, ``stats/``. All of it is JSON."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._store = store
        self.run_id = run_id

    @property
    def root(self) -> Store:
        """The store of all runs: what they share stands there."""
        return self._store

    def _path(self, name: str) -> str:
        return f"{self.run_id}/{name}"

    def write(self, name: str, value: Any) -> None:
        """Puts one JSON value, whole or not at all."""
        self._store.write(self._path(name), dump(value))

    def read(self, name: str) -> Any:
        """The JSON value under a name.

        Raises:
            StoreError: F101, there is none.
        """
        return self._load(self._store.read(self._path(name)))

    def find(self, name: str) -> Any:
        """The JSON value under a name, or None."""
        return self.read(name) if self._store.exists(self._path(name)) else None

    def write_lines(self, name: str, values: list[Any]) -> None:
        """Puts a list as JSON Lines."""
        self._store.write(self._path(name), b"".join(dump(value) + b"\n" for value in values))

    def read_lines(self, name: str) -> list[Any]:
        """The list that ``write_lines`` put."""
        return [self._load(line) for line in self._store.read(self._path(name)).splitlines()]

    def _load(self, content: bytes) -> Any:
        return json.loads(content)

    def exists(self, name: str) -> bool:
        """Whether something is there under a name."""
        return self._store.exists(self._path(name))

    def delete(self, name: str) -> None:
        """Removes what is under a name, if anything."""
        if self.exists(name):
            self._store.delete(self._path(name))


def dump(value: Any) -> bytes:
    """JSON in UTF-8, on one line; NaN and what JSON does not know are refused (R104)."""
    try:
        text = json.dumps(to_json(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=marked)
        return text.encode()
    except (TypeError, ValueError) as problem:
        raise RunError(f"a result is no JSON: {problem}", code="R104", hint="leave that value out or make it text") from problem
