from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from portl.errors import RunError, SetupError
from portl.stores import Store, open_store
from portl.values import kept, to_json


def runs_root() -> Store:
    """The store of all runs: the folder or S3 prefix in ``PORTL_RUNS``.

    Raises:
        SetupError: the variable is not set.
    """
    root = os.environ.get("PORTL_RUNS", "")
    if not root:
        raise SetupError("PORTL_RUNS is not set", code="V102", hint="set it to the folder or s3:// prefix of the runs")
    return open_store(root, durable=False)


class RunFolder:
    """What one run keeps, under its id: ``run.json``, ``results/``, ``errors/``, ``stats/``. All of it is JSON.

    A name that begins with ``/`` is one from the root of all runs: what another run, or an attempt, has kept.
    """

    def __init__(self, store: Store, run_id: str) -> None:
        self._store = store
        self.run_id = run_id
        self.behind: tuple[str, ...] = ()
        """Runs whose results are this one's too where it has none: those that a replay takes everything else from."""

    @property
    def root(self) -> Store:
        """The store of all runs: what they share stands there."""
        return self._store

    def _path(self, name: str) -> str:
        return name[1:] if name.startswith("/") else f"{self.run_id}/{name}"

    def ref(self, name: str) -> str:
        """The name by which a Task of any run can read what is kept here under ``name``."""
        return f"/{self.run_id}/{name}"

    def digest(self, name: str) -> str:
        """The SHA-256 of what is kept under a name."""
        return hashlib.sha256(self._store.read(self._path(name))).hexdigest()

    def attempt(self, name: str) -> Attempt:
        """A folder inside this one for what an attempt makes before it is known to count."""
        return Attempt(self, f"/{self.run_id}/attempts/{name}")

    def write(self, name: str, value: Any) -> None:
        """Puts one JSON value, whole or not at all."""
        self._store.write(self._path(name), dump(value), overwrite=True)

    def read(self, name: str) -> Any:
        """The JSON value under a name.

        Raises:
            StoreError: F101, there is none.
            RunError: R123, it is damaged.
        """
        content = self._store.read(self._path(name))
        try:
            return self._load(content)
        except ValueError as problem:
            raise damaged(self._path(name)) from problem

    def find(self, name: str) -> Any:
        """The JSON value under a name, or None."""
        return self.read(name) if self.exists(name) else None

    def write_lines(self, name: str, values: list[Any]) -> str:
        """Puts a list as JSON Lines and answers its SHA-256."""
        content = b"".join(dump(value) + b"\n" for value in values)
        self._store.write(self._path(name), content, overwrite=True)
        return hashlib.sha256(content).hexdigest()

    def write_dumped(self, name: str, lines: list[str]) -> None:
        """The same of values that are JSON text already, each on one line."""
        self._store.write(self._path(name), "".join(f"{line}\n" for line in lines).encode(), overwrite=True)

    def read_lines(self, name: str) -> list[Any]:
        """The list that ``write_lines`` put; raises as ``read``."""
        lines = self._store.read(self._path(name)).split(b"\n")
        try:
            if lines.pop():
                raise damaged(self._path(name))
            return [self._load(line) for line in lines]
        except ValueError as problem:
            raise damaged(self._path(name)) from problem

    def _load(self, content: bytes) -> Any:
        return json.loads(content)

    def exists(self, name: str) -> bool:
        """Whether something is there under a name."""
        return self._store.exists(self._path(name))

    def delete(self, name: str) -> None:
        """Removes what is under a name, if anything."""
        self._store.delete(self._path(name), missing_ok=True)


def damaged(path: str) -> RunError:
    """R123: a file of a run is not as the run wrote it: the power failed, the disk was full, a copy broke off."""
    hint = "restore it from a copy, or do the work anew: without --resume, and with --new-key where the job has a run_key"
    return RunError(f"{path} is damaged", code="R123", hint=hint)


class Attempt(RunFolder):
    """What an attempt makes is kept under its own name (``at``, from the root); what it does not have is read of the run."""

    def __init__(self, base: RunFolder, at: str) -> None:
        super().__init__(base._store, base.run_id)  # noqa: SLF001 - its own kind
        self._base = base
        self.at = at
        self.behind = base.behind

    def _path(self, name: str) -> str:
        return name[1:] if name.startswith("/") else f"{self.at[1:]}/{name}"

    def ref(self, name: str) -> str:
        """See RunFolder."""
        return f"{self.at}/{name}"

    def digest(self, name: str) -> str:
        """See RunFolder."""
        return super().digest(name) if super().exists(name) else self._base.digest(name)

    def _load(self, content: bytes) -> Any:
        return self._base._load(content)  # noqa: SLF001 - its own kind

    def read(self, name: str) -> Any:
        """See RunFolder."""
        return super().read(name) if super().exists(name) else self._base.read(name)

    def read_lines(self, name: str) -> list[Any]:
        """See RunFolder."""
        return super().read_lines(name) if super().exists(name) else self._base.read_lines(name)

    def exists(self, name: str) -> bool:
        """See RunFolder."""
        return super().exists(name) or self._base.exists(name)


def dump(value: Any) -> bytes:
    """JSON in UTF-8, on one line; NaN and what JSON does not know are refused (R104)."""
    try:
        text = json.dumps(to_json(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=kept)
        return text.encode()
    except (TypeError, ValueError) as problem:
        raise RunError(f"a result is no JSON: {problem}", code="R104", hint="leave that value out or make it text") from problem
