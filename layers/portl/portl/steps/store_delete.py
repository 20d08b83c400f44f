"""``store.delete``: files are removed, and folders where that is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field

from portl.jobs import ResultShape
from portl.runs import DeleteFiles, Scope, StepType, run_step
from portl.steps._looking import AtPath, PathSpec, no_pattern_in_a_batch


class StoreDelete(PathSpec):
    """Removes a file, the files of a pattern, or a folder with all that is in it."""

    path: str = Field(description="The file: store:path, s3://bucket/key or a path; without a batch also a pattern.")
    recursive: bool = Field(default=False, description="A folder is removed too, with all that is in it.")
    missing_ok: bool = Field(default=True, description="Whether it is no error that nothing is there.")

    shape: ClassVar[ResultShape] = ResultShape(frozenset({"count"}))
    files: ClassVar[Literal["none", "read", "changed"]] = "changed"

    def findings(self) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
        """In a batch a record is one file."""
        yield from no_pattern_in_a_batch(self, "path", self.path)


class Deleting(AtPath[StoreDelete]):
    """A store.delete made ready."""

    def plan(self, scope: Scope) -> DeleteFiles:
        """What to remove. In a batch every address is one file's, whatever its name looks like."""
        literal = self._spec.batch is not None or "idx" in scope
        return DeleteFiles(self._address(scope), self._spec.recursive, self._spec.missing_ok, literal)

    def outcome(self, result: Any) -> str:
        """Counted by file."""
        return f"deleted:{result['count']}"


STEP = StepType("store.delete", StoreDelete, Deleting, run_step)
