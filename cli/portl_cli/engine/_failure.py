"""What goes wrong inside an execution, and which names match it.

Names and matching: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

RUNTIME = "States.Runtime"
TIMEOUT = "States.Timeout"
TASK_FAILED = "States.TaskFailed"
ALL = "States.ALL"
DATA_LIMIT = "States.DataLimitExceeded"
QUERY = "States.QueryEvaluationError"
TOLERATED = "States.ExceedToleratedFailureThreshold"

RESERVED_ERRORS = frozenset(
    {
        ALL,
        DATA_LIMIT,
        QUERY,
        RUNTIME,
        TASK_FAILED,
        TIMEOUT,
        TOLERATED,
        "States.BranchFailed",
        "States.HeartbeatTimeout",
        "States.Http.Socket",
        "States.ItemReaderFailed",
        "States.NoChoiceMatched",
        "States.Permissions",
        "States.ResultWriterFailed",
    }
)


class Failure(Exception):
    """A state failed. Control flow of the engine: a Retry or Catch takes it, or the execution ends with it.

    ``location`` is the field whose expression failed, where that is what happened.
    """

    def __init__(self, error: str | None, cause: str | None = None, *, location: str | None = None) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.location = location

    def output(self) -> dict[str, str]:
        """The document that a Catch sees as ``$states.errorOutput``; what is not known is not there."""
        pairs = {"Error": self.error, "Cause": self.cause}
        return {name: text for name, text in pairs.items() if text is not None}

    def details(self) -> dict[str, str]:
        """The same for the history, which writes the names small."""
        return {name.lower(): text for name, text in self.output().items()}


class Overtime(Exception):
    """The execution ran past the machine's TimeoutSeconds; no Catch sees it."""


class Aborted(Exception):
    """A path ends because one beside it failed, or because the run is over; no Catch sees it."""


def matches(error: str | None, names: Collection[str]) -> bool:
    """Whether a Retry or Catch with these ErrorEquals takes this error."""
    if error == RUNTIME:
        return False
    if ALL in names:
        return True
    if error == DATA_LIMIT:
        return False
    return error in names or (TASK_FAILED in names and error != TIMEOUT)
