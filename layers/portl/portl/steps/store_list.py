"""``store.list``: the files of a pattern or a folder become rows of the run."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from portl.jobs import ResultShape
from portl.runs import ListFiles, Scope, StepType, run_step
from portl.steps._looking import AtPath, PathSpec


class StoreList(PathSpec):
    """Lists files by path: each a record {path, name, stem, suffix, folder, relative, size, modified, etag, version}."""

    path: str = Field(description="A folder or a pattern, as in lake:2026/*.csv: * ? [..] {a,b}, ** over folders.")
    recursive: bool = Field(default=False, description="Of a folder: the files of the folders in it too.")

    shape: ClassVar[ResultShape] = ResultShape(frozenset({"rows", "count"}), frozenset({"rows"}))
    files: ClassVar[Literal["none", "read", "changed"]] = "read"


class Listing(AtPath[StoreList]):
    """A store.list made ready."""

    def plan(self, scope: Scope) -> ListFiles:
        """What to list."""
        return ListFiles(self._address(scope), self._spec.recursive)

    def result(self, answer: Any) -> Any:
        """``{rows, count}``, the rows by reference."""
        return {"rows": {"$rows": answer.to_json()}, "count": answer.count}

    def outcome(self, result: Any) -> str:
        """Counted by file."""
        return f"listed:{result['count']}"


STEP = StepType("store.list", StoreList, Listing, run_step)
