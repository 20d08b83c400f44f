from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PlainValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from portl.jobs._diagnostics import Diagnostic, closest
from portl.jobs._schema import CONDITION, defined_as
from portl.jobs._strict import Name, Strict
from portl.jobs._triggers import AnyTrigger

RESERVED = frozenset({"wait_s", "dead_letters", "run", "states", "params", "steps", "idx", "now", "true", "false", "none"})


class Param(Strict):
    """A parameter of the job. Without ``required`` and ``default`` it is null when it is not given."""

    type: Literal["string", "int", "float", "bool", "date", "list", "object"] = Field(
        default="string", description="What the value is read as; a date is YYYY-MM-DD."
    )
    default: Any = Field(default=None, description="The value when none is given.")
    required: bool = Field(default=False, description="Whether a run without it is refused.")
    description: str = Field(default="", description="What it is for, to those who run the job.")


class Batch(Strict):
    """``from`` a list of records, each known to expressions by the name ``as``; ``size`` records make a chunk."""

    source: str = Field(alias="from", description='The list, as in "{{ steps.read_csv.rows }}".')
    alias: Name = Field(alias="as", default="row", description="What expressions call one record.")
    size: int | None = Field(default=None, ge=1, le=10_000, description="Records in a chunk.")
    concurrency: int | None = Field(
        default=None, ge=1, le=1_000, description="Chunks under way together; the order between chunks is then not promised."
    )
    mode: Literal["distributed", "inline"] = Field(
        default="distributed", description="inline starts quicker and is for at most 200 chunks."
    )


class Retry(Strict):
    """Attempts per record, the first included; the pause doubles from ``backoff_ms`` and is jittered."""

    max_attempts: int = Field(ge=1, le=20, description="Attempts for a record, the first included.")
    backoff_ms: int = Field(default=500, ge=0, le=60_000, description="The first pause, in ms; each later one doubles.")
    retry_on: list[Literal["transient", "throttled"]] = Field(
        default=["transient", "throttled"], description="The failures that are tried again."
    )


class Transaction(Strict):
    """Which steps commit together: ``db`` all of them over all records, ``chunk`` those of one chunk."""

    scope: Literal["db", "chunk"] = Field(description="db: all records commit together; chunk: each chunk does.")
    connection: str = Field(description="The database connection that commits.")
    external: Literal["inline"] | None = Field(
        default=None, description="inline calls APIs and functions while the transaction is open."
    )
    staging: bool = Field(
        default=False,
        description="For scope: db: chunks fill a stage side by side, and one set-based commit makes rows of all records.",
    )


@dataclass(frozen=True, slots=True)
class ResultShape:
    """What expressions may read of a step's result.

    ``fields`` are the names it has, or None when only the call itself knows; ``lists`` are the fields that are lists of
    records and can be batched over.
    """

    fields: frozenset[str] | None = None
    lists: frozenset[str] = frozenset()


class StepSpec(Strict):
    """The fields every step has. A step type adds its own in ``portl/steps/<type>.py``."""

    id: Name = Field(description="The step's name: unique in the job, letters, digits and _.")
    type: str
    connection: str | None = Field(
        default=None, description="The connection it uses; without it the transaction's, else the only one of its kind."
    )
    save_as: Name | None = Field(default=None, description="The name expressions read the result by, instead of the id.")
    when: str | None = Field(
        default=None,
        description="One {{ expression }}: a record it is false or null for is left out.",
        json_schema_extra=CONDITION,
    )
    batch: Batch | None = Field(default=None, description="The records the step goes over; without it, it is done once.")
    retry: Retry | None = Field(default=None, description="How often a record is tried.")
    timeout_s: float | None = Field(default=None, gt=0, le=840, description="How long a call may take, in seconds.")
    on_error: Literal["fail", "dead_letter"] = Field(
        default="fail", description="fail ends the run; dead_letter keeps the record aside."
    )
    sample: Any = Field(default=None, description="What a dry run takes for the result.")

    connects_to: ClassVar[str | None] = None
    """The kind of connection the step type needs, or None."""
    shape: ClassVar[ResultShape] = ResultShape()
    files: ClassVar[Literal["none", "read", "changed"]] = "none"
    """What the step does with files of stores: a change is an effect outside, as a call is, that no transaction takes back."""
    once: ClassVar[bool] = False
    """Whether the step itself goes over records that it names, so that it takes no batch."""
    waits: ClassVar[bool] = False
    """Whether the step is done again and again until something is so, its state machine waiting in between."""

    @property
    def name(self) -> str:
        """The name under which expressions read the result."""
        return self.save_as or self.id

    @property
    def result_shape(self) -> ResultShape:
        """What expressions may read of this step's result: ``shape``, unless a field of the step says otherwise."""
        return self.shape

    @property
    def comes_back(self) -> bool:
        """Whether its Task answers in how many seconds to do it again, until the step is done."""
        return self.waits

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """Every value of the step that may hold expressions, with its path inside the step."""
        if self.when is not None:
            yield ("when",), self.when

    def branches(self) -> tuple[tuple[str, tuple[StepSpec, ...]], ...]:
        """The steps inside this step, by the name of their branch; none but for ``conditional``."""
        return ()

    def addresses(self) -> Iterator[str]:
        """The values that name files: each an address, or a template that makes one."""
        return iter(())

    def outputs(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """The fields that name files which the step makes, each with the address, or the template of one."""
        return iter(())

    def leaves_rows(self) -> bool:
        """Whether the step's rows may stay in the files they came from, where whoever goes over them reads them."""
        return False

    def own_names(self) -> Iterator[tuple[str, str]]:
        """The fields whose expressions see a name of the step's own, each with that name; where the step has no batch."""
        return iter(())

    def names_connections(self) -> Iterator[tuple[str, str]]:
        """The fields besides ``connection`` that name one, each with the kind that one must be of."""
        return iter(())

    def writes(self) -> frozenset[str]:
        """The tables this step writes."""
        return frozenset()

    def repeatable(self) -> bool:
        """Whether what the step writes is the same when it is written twice."""
        return False

    def runs_sql(self) -> bool:
        """Whether SQL of the job's own is run, which may read any table."""
        return False

    def inlined(self) -> dict[str, Any]:
        """Fields whose value stands in a file of the job's folder, with what was read: the function gets no file."""
        return {}

    def findings_in_files(self) -> Iterator[Diagnostic]:
        """What is wrong inside the files that the step names, with the place there."""
        return iter(())


def _step(raw: Any, info: ValidationInfo) -> StepSpec:
    if isinstance(raw, StepSpec):
        return raw
    types: Mapping[str, type[StepSpec]] = (info.context or {})["step_types"]
    if not isinstance(raw, dict):
        raise PydanticCustomError("step", "a step is a mapping with id and type")
    kind = raw.get("type")
    if not isinstance(kind, str):
        raise PydanticCustomError("missing_type", "a step needs a type")
    if kind not in types:
        raise PydanticCustomError(
            "step_type", "there is no step type {kind}", {"kind": repr(kind), "hint": closest(kind, types), "at": "type"}
        )
    return types[kind].model_validate(raw, context=info.context)


AnyStep = Annotated[Any, PlainValidator(_step), defined_as("Step")]
"""A step of any type; the types come with the validation context (``step_types``)."""


def _version(value: Any) -> Any:
    if value == 1:
        text = "version 1 is an older form of a job, which this version of Portl does not read"
        raise PydanticCustomError("version", text, {"hint": "write the job as version: 2; docs/jobs.md has its form"})
    return value


ConnectionsByName = dict[Name, Annotated[dict[str, Any], defined_as("Connection")]]


class Declared(Strict):
    """What the file of stores beside a project declares, in the form of a job."""

    connections: ConnectionsByName = Field(default={})
    profiles: dict[Name, ConnectionsByName] = Field(default={})


class Job(Strict):
    """A job: what ``job.yaml`` says, checked and frozen."""

    version: Annotated[Literal[2], BeforeValidator(_version)] = Field(description="The form of the file: 2.")
    job: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,47}$", description="The job's name: letters, digits, _ and -.")
    description: str = Field(default="", description="One line for the console of the state machine.")
    params: dict[Name, Param] = Field(default={}, description="What a run is given, by name.")
    run_key: str | None = Field(
        default=None, description="An expression over params and checksum(path): two runs with one key are the same work."
    )
    connections: ConnectionsByName = Field(
        default={},
        description="Databases, APIs, functions and stores, by name. ${env:X} and ${secret:X} are resolved where used.",
    )
    profiles: dict[Name, ConnectionsByName] = Field(
        default={},
        description="By the name of a profile: connections that stand in the place of those of the same name, with --profile.",
    )
    transaction: Transaction | None = Field(default=None, description="Which database steps commit together.")
    steps: list[AnyStep] = Field(min_length=1, description="The steps, in order.")
    triggers: list[AnyTrigger] = Field(default=[], description="What starts the job by itself.")


def walk_steps(steps: Sequence[StepSpec]) -> Iterator[StepSpec]:
    """Every step, those inside branches included, in the order they stand."""
    for step in steps:
        yield step
        for _, inner in step.branches():
            yield from walk_steps(inner)
