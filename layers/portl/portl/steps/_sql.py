"""SQL that the job writes: inline or in a file of its folder, one statement with ``:name`` places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

from pydantic import Field, PrivateAttr, ValidationInfo, model_validator

from portl.connections import place_offsets, statement_starts
from portl.jobs import Diagnostic, StepSpec, TextFile, closest, read_text_file

Problem = tuple[int, str, str]
"""Where in the SQL, in characters; what is wrong; the way out."""
_WORD = re.compile(r"[A-Za-z]+")
_BOUNDS = frozenset({"abort", "begin", "commit", "end", "prepare", "release", "rollback", "savepoint", "start"})


SQL_GIVEN: list[Any] = [{"required": ["sql"]}, {"required": ["sql_file"]}]
"""JSON Schema: one of the two is there."""


class SqlSpec(StepSpec):
    """SQL whose ``:name`` places are filled from ``params``; values are bound, never put into the text."""

    sql: str | None = Field(default=None, description="One SQL statement; its `:name` places are filled from `params`.")
    sql_file: str | None = Field(
        default=None, description="The SQL statement in a file: a path inside the job's folder, at most 256 KB of UTF-8."
    )
    params: dict[str, Any] = Field(default_factory=dict, description="`:name` place of the SQL → the value bound to it.")

    _file: TextFile | None = PrivateAttr(default=None)

    connects_to: ClassVar[str | None] = "postgres"
    verbs: ClassVar[frozenset[str] | None] = None
    """The words the statement may begin with, in small letters, or None for any."""

    @model_validator(mode="after")
    def _read_file(self, info: ValidationInfo) -> Self:
        if self.sql_file is not None:
            self._file = read_text_file((info.context or {}).get("folder"), self.sql_file)
        return self

    @property
    def statement(self) -> str:
        """The SQL, wherever it stands."""
        return self._file.text if self._file is not None else self.sql or ""

    def inlined(self) -> dict[str, Any]:
        """See StepSpec."""
        return {"sql": self.statement} if self._file is not None else {}

    def runs_sql(self) -> bool:
        """See StepSpec."""
        return self.sql is not None or self.sql_file is not None

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """See StepSpec."""
        yield from super().expressions()
        yield ("params",), self.params

    def findings(self) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
        """What is wrong with the SQL, as far as it stands in the job, and params without a place."""
        if self.sql is not None and self.sql_file is not None:
            yield ("sql_file",), "J004", "a step has sql or sql_file, not both", "leave one of them out"
        elif self._file is not None and self._file.problem is not None:
            if self._file.problem.offset is None:
                yield ("sql_file",), "J307", self._file.problem.message, self._file.problem.hint
        elif self.runs_sql():
            for _, message, hint in self._problems() if self._file is None else ():
                yield ("sql",), "J304", message, hint
            yield from self._unused()

    def _unused(self) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
        names = place_offsets(self.statement)
        unused = [name for name in self.params if name not in names]
        if "{{" in self.statement or len(unused) <= len(names.keys() - self.params.keys()):
            return  # the places without a value tell of them: one of the two was renamed
        for name in unused:
            yield ("params", name), "J304", f"the SQL has no place :{name}", closest(name, names)

    def findings_in_files(self) -> Iterator[Diagnostic]:
        """See StepSpec."""
        file = self._file
        if file is None or self.sql is not None:
            return
        if file.problem is None:
            found = [("J304", problem) for problem in self._problems()]
        else:
            at = file.problem.offset
            found = [("J307", (at, file.problem.message, file.problem.hint))] if at is not None else []
        for code, (offset, message, hint) in found:
            yield Diagnostic(file.name, *file.place(offset), code, message, hint)

    def _problems(self) -> Iterator[Problem]:
        sql = self.statement
        if "{{" in sql:
            yield sql.index("{{"), "SQL takes no expressions: values are bound", "write :name and give it under params"
            return
        starts = statement_starts(sql)
        if not starts:
            yield 0, "there is no SQL statement", "write one"
        else:
            yield from _one_statement(sql, starts, self.verbs, self.type)
        yield from _unfilled(sql, self.params)


def _one_statement(sql: str, starts: list[int], verbs: frozenset[str] | None, step_type: str) -> Iterator[Problem]:
    word = _WORD.match(sql, starts[0])
    first = word[0].lower() if word else ""
    if first in _BOUNDS:
        yield starts[0], f"{first.upper()} is not for a step: Portl begins and ends transactions", "leave it out"
    elif verbs is not None and first not in verbs:
        named = ", ".join(sorted(verb.upper() for verb in verbs))
        yield starts[0], f"{step_type} takes SQL that begins with one of {named}", "use the step type that fits"
    if len(starts) > 1:
        yield starts[1], "a second statement begins here, and a step runs one", "make a step of it"


def _unfilled(sql: str, params: Mapping[str, Any]) -> Iterator[Problem]:
    places = place_offsets(sql)
    for name, offset in places.items():
        if name not in params:
            yield offset, f":{name} has no value under params", closest(name, params.keys() - places.keys() or params)
