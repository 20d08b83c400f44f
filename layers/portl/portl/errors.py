"""Every error of Portl, in one tree.

::

    PortlError                      code, message, hint, place
    ├── StepError                   a step failed on some record; leaves a function as one of the five outcomes
    │   ├── TemplateError           T1xx  an expression is wrong or grew without bound
    │   │   └── MissingReference    T110  an expression reads what is not there
    │   ├── MappingError            M1xx  a value does not fit its column
    │   ├── CsvError                C1xx  a file is not the CSV it should be
    │   ├── StoreError              F1xx  a file or object could not be read or written
    │   ├── DatabaseError           D1xx  the database refused a statement, or was lost
    │   ├── HttpError               H1xx  an API refused a request, or could not be reached
    │   ├── FunctionError           L1xx  an invoked Lambda function failed
    │   └── RunError                R1xx  the run itself cannot begin or go on
    ├── SetupError                  V1xx  the environment is wrong (exit 3)
    │   └── MissingVariable         V101  an ``${env:X}`` or ``${secret:X}`` has no value
    ├── JobError                    the job is wrong (exit 2); carries its diagnostics
    └── Outcome                     what a function raises: Step Functions matches these by exact name
        ├── Transient               a later attempt may succeed
        ├── Throttled               the other side asked to slow down
        ├── Conflict                another writer was in the way; the transaction may be tried again
        ├── Permanent               trying again will not help
        └── RetryAfter              the message is a number of seconds; the finished part is kept
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Place:
    """Where something went wrong, as far as it is known.

    ``record`` is the index in the batch, from 0; people are shown ``record + 1``. ``line`` is a line of the input file, from 1.
    """

    step: str | None = None
    record: int | None = None
    line: int | None = None
    column: str | None = None
    field: str | None = None
    file: str | None = None

    def merged(self, other: Place) -> Place:
        """This place, with what it lacks filled from ``other``."""
        mine = {name: value for name, value in asdict(self).items() if value is not None}
        return replace(other, **mine)


class PortlError(Exception):
    """The root of the tree: a code, a message (the cause), a hint (the way out) and a place."""

    def __init__(self, message: str, *, code: str, hint: str = "", place: Place | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint
        self.place = place or Place()

    def __str__(self) -> str:
        return f"{self.code} {self.message}"


class StepError(PortlError):
    """A step failed. ``outcome`` says which of the five classes leaves the function; ``detail`` holds what was being done.

    ``detail`` is JSON: ``{"sql": …, "params": …}`` for a statement, ``{"method": …, "url": …, "status": …}`` for a request.
    """

    default_outcome: ClassVar[str] = "Permanent"

    def __init__(
        self,
        message: str,
        *,
        code: str,
        hint: str = "",
        place: Place | None = None,
        outcome: str | None = None,
        detail: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint, place=place)
        self.outcome = outcome or self.default_outcome
        self.detail = detail or {}
        self.retry_after = retry_after
        self.attempts = 0
        """How often it was tried, the last time included; 0 when it failed before anything went out."""

    def at(self, place: Place) -> StepError:
        """The same error, its place filled in with what the caller knows."""
        self.place = self.place.merged(place)
        return self


class TemplateError(StepError):
    """An expression cannot be compiled, is refused by the sandbox, or its result grew without bound.

    ``offset`` is where in the string it stands, in characters.
    """

    offset: int = 0


class MissingReference(TemplateError):
    """An expression reads a field, a column or a result that is not there (T110)."""


class MappingError(StepError):
    """A value cannot become what its destination column asks for; ``place.column`` names the column."""


class CsvError(StepError):
    """A file is not the CSV it is declared to be; ``place.line`` is the line."""


class StoreError(StepError):
    """A file or object could not be read or written; the path is in the message as the caller wrote it."""


class DatabaseError(StepError):
    """The database refused a statement or the connection was lost; ``detail`` has the SQL and the SQLSTATE."""


class HttpError(StepError):
    """An API answered with a status that was not expected, or could not be reached."""


class FunctionError(StepError):
    """An invoked Lambda function failed; ``detail`` has its error type and message."""


class RunError(StepError):
    """The run itself cannot begin or go on: a parameter is missing or of the wrong type, time will not suffice."""


class SetupError(PortlError):
    """The environment is wrong, not the job: a variable, a server, a tool or a permission is missing (exit 3)."""


class MissingVariable(SetupError):
    """An ``${env:X}`` or ``${secret:X}`` has no value, or an empty one (V101)."""


class JobError(PortlError):
    """The job is wrong (exit 2). ``diagnostics`` holds every finding of the file, each with line and column."""

    def __init__(self, message: str, diagnostics: tuple[Any, ...] = ()) -> None:
        super().__init__(message, code="J000", hint="correct the job and run `portl check` again")
        self.diagnostics = diagnostics


class Outcome(Exception):
    """What leaves a function. The message is ``CODE message``, or for RetryAfter a number of seconds."""


class Transient(Outcome):
    """A later attempt may succeed: a lost connection, an answer of 503."""


class Throttled(Outcome):
    """The other side asked to slow down and said no time, or a short one."""


class Conflict(Outcome):
    """Another writer was in the way (40001, 40P01, 55P03); the whole transaction may be tried again."""


class Permanent(Outcome):
    """Trying again will not help: the data, the job or the other side must change."""


class RetryAfter(Outcome):
    """Come back after the seconds in the message; what is finished is kept and not repeated."""


OUTCOMES: dict[str, type[Outcome]] = {cls.__name__: cls for cls in (Transient, Throttled, Conflict, Permanent, RetryAfter)}
