from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from portl.jobs._diagnostics import closest

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,39}$")]
RESERVED = frozenset({"wait_s", "run", "states", "params", "steps", "idx", "now", "true", "false", "none"})


class Strict(BaseModel):
    """Every model of the job file: unknown fields are errors, and what was read is not changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False, strict=True)


class Param(Strict):
    """A parameter of the job. Without ``required`` and ``default`` it is null when it is not given."""

    type: Literal["string", "int", "float", "bool", "date", "list", "object"] = "string"
    default: Any = None
    required: bool = False
    description: str = ""


class Batch(Strict):
    """``from`` a list of records, each known to expressions by the name ``as``; ``size`` records make a chunk."""

    source: str = Field(alias="from")
    alias: Name = Field(alias="as", default="row")
    size: int | None = Field(default=None, ge=1, le=10_000)
    concurrency: int | None = Field(default=None, ge=1, le=1_000)
    mode: Literal["distributed", "inline"] = "distributed"


class Retry(Strict):
    """Attempts per record, the first included; the pause doubles from ``backoff_ms`` and is jittered."""

    max_attempts: int = Field(ge=1, le=20)
    backoff_ms: int = Field(default=500, ge=0, le=60_000)
    retry_on: list[Literal["transient", "throttled"]] = ["transient", "throttled"]


class Transaction(Strict):
    """Which steps commit together: ``db`` all of them over all records, ``chunk`` those of one chunk."""

    scope: Literal["db", "chunk"]
    connection: str
    external: Literal["inline"] | None = None
    staging: bool = False


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

    id: Name
    type: str
    connection: str | None = None
    save_as: Name | None = None
    when: str | None = None
    batch: Batch | None = None
    retry: Retry | None = None
    timeout_s: float | None = Field(default=None, gt=0, le=840)
    on_error: Literal["fail", "dead_letter"] = "fail"
    sample: Any = None

    connects_to: ClassVar[str | None] = None
    """The kind of connection the step type needs, or None."""
    shape: ClassVar[ResultShape] = ResultShape()

    @property
    def name(self) -> str:
        """The name under which expressions read the result."""
        return self.save_as or self.id

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """Every value of the step that may hold expressions, with its path inside the step."""
        if self.when is not None:
            yield ("when",), self.when

    def branches(self) -> tuple[tuple[str, tuple[StepSpec, ...]], ...]:
        """The steps inside this step, by the name of their branch; none but for ``conditional``."""
        return ()

    def writes(self) -> frozenset[str]:
        """The tables this step writes."""
        return frozenset()


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


AnyStep = Annotated[Any, PlainValidator(_step)]
"""A step of any type; the types come with the validation context (``step_types``)."""


def _version(value: Any) -> Any:
    if value == 1:
        raise PydanticCustomError("version", "this is the older form of a job", {"hint": "`portl migrate` rewrites it"})
    return value


class Job(Strict):
    """A job: what ``job.yaml`` says, checked and frozen."""

    version: Annotated[Literal[2], BeforeValidator(_version)]
    job: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,47}$")]
    description: str = ""
    params: dict[Name, Param] = {}
    run_key: str | None = None
    connections: dict[Name, dict[str, Any]] = {}
    transaction: Transaction | None = None
    steps: list[AnyStep] = Field(min_length=1)
    triggers: list[dict[str, Any]] = []


def walk_steps(steps: tuple[StepSpec, ...] | list[StepSpec]) -> Iterator[StepSpec]:
    """Every step, those inside branches included, in the order they stand."""
    for step in steps:
        yield step
        for _, inner in step.branches():
            yield from walk_steps(inner)
