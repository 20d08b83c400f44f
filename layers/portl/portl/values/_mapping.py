from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from portl.errors import MappingError, MissingReference, Place, TemplateError
from portl.values._expression import Scope
from portl.values._redaction import shortened
from portl.values._syntax import Reference
from portl.values._templates import Compiled, compile_value
from portl.values._transforms import Transform, make_transform
from portl.values._types import TYPES
from portl.values._unknown import Uncertain, Unknown

SHOWN = 80
"""Characters of a value that an error shows."""
_UNFIT = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, TemplateError)


def _null(value: Any) -> Any:
    return "null" if value is None else value


OnError = Annotated[
    Literal["fail", "null", "skip"], BeforeValidator(_null), WithJsonSchema({"enum": ["fail", "null", None, "skip"]})
]
"""``null`` may be written without quotes: YAML then means nothing, and so does the writer."""


class FieldSpec(BaseModel):
    """The long form of a mapped column. Transforms come first, then the type, then default and required.

    Empty text is null for every type but ``text``; a default goes through the type too. ``on_error`` is for values that do not
    fit; a required column never becomes null.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Any = Field(default=None, alias="from")
    type: Literal["text", "int", "float", "decimal", "bool", "date", "datetime", "json", "uuid"] | None = None
    transforms: list[Any] = []
    default: Any = None
    required: bool = False
    on_error: OnError = "fail"


FIELDS = frozenset(field.alias or name for name, field in FieldSpec.model_fields.items())


class _LeftOut(Exception):
    """A column's ``on_error: skip`` leaves the record out."""


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    value: Compiled
    default: Compiled
    transforms: tuple[Transform, ...]
    convert: Callable[[Any], Any] | None
    spec: FieldSpec

    @property
    def references(self) -> tuple[Reference, ...]:
        reading = (self.value, self.default, *(each.reads for each in self.transforms if each.reads))
        return tuple(reference for each in reading for reference in each.references)

    def apply(self, scope: Scope) -> Any:
        value = self._made(scope)
        if not self.spec.required or (value is not None and value != ""):
            return value
        if self.spec.on_error == "skip":
            raise _LeftOut
        raise self._error("is required and has no value", "M101", value, "give it a default, or correct the source")

    def _made(self, scope: Scope) -> Any:
        try:
            value = self._changed(self.value.render(scope), scope)
            return value if value is not None else self._typed(self.default.render(scope))
        except MissingReference as problem:
            raise problem.at(Place(column=self.name)) from None
        except (MappingError, TemplateError) as problem:
            if self.spec.on_error == "fail":
                raise problem.at(Place(column=self.name)) from problem.__cause__
            if self.spec.on_error == "skip":
                raise _LeftOut from problem
            return None

    def _changed(self, value: Any, scope: Scope) -> Any:
        for transform in self.transforms:
            if isinstance(value, Unknown):
                value = value.through(transform.name)
                continue
            try:
                value = transform.apply(value, scope)
            except Uncertain as found:
                value = found.unknown.through(transform.name)
            except _UNFIT as problem:
                raise self._unfit(f"does not go through {transform.name}", "M103", value, problem) from problem
        return self._typed(value)

    def _typed(self, value: Any) -> Any:
        if self.convert is None or value is None or isinstance(value, Unknown):
            return value
        if self.spec.type != "text" and isinstance(value, str) and not value.strip():
            return None
        try:
            return self.convert(value)
        except Uncertain as found:
            return found.unknown
        except _UNFIT as problem:
            raise self._unfit(f"cannot be {self.spec.type}", "M102", value, problem) from problem

    def _unfit(self, text: str, code: str, value: Any, problem: Exception) -> Exception:
        if isinstance(problem, TemplateError) and problem.code != "T106":
            return problem
        return self._error(text, code, value, "correct the source, or set on_error: null or skip")

    def _error(self, text: str, code: str, value: Any, hint: str) -> MappingError:
        shown = shortened(repr(value), SHOWN)
        return MappingError(f"{self.name} {text}: {shown}", code=code, hint=hint, place=Place(column=self.name))


class RecordMapping:
    """A mapping compiled once: gives the destination's columns for a record."""

    def __init__(self, columns: tuple[_Column, ...]) -> None:
        self._columns = columns

    @property
    def columns(self) -> tuple[str, ...]:
        """The destination's columns, in the order of the mapping."""
        return tuple(column.name for column in self._columns)

    @property
    def references(self) -> tuple[tuple[str, Reference], ...]:
        """What the expressions read, with the column each stands in."""
        return tuple((column.name, each) for column in self._columns for each in column.references)

    def apply(self, scope: Scope) -> dict[str, Any] | None:
        """The columns' values for one record; None when a column's ``on_error: skip`` leaves the record out.

        Raises:
            MappingError: M101 required, M102 type, M103 transform; ``place.column`` names the column.
            TemplateError: an expression failed. MissingReference is raised whatever ``on_error`` says.
        """
        try:
            return {column.name: column.apply(scope) for column in self._columns}
        except _LeftOut:
            return None


def compile_mapping(mapping: Mapping[str, Any]) -> RecordMapping:
    """Compiles ``column: expression`` or ``column: {from, type, transforms, default, required, on_error}``.

    Raises:
        TemplateError: an expression, a type or a transform is wrong; the message names the column.
    """
    return RecordMapping(tuple(_column(name, value) for name, value in mapping.items()))


def is_long_form(value: Any) -> bool:
    """Whether a mapped value is the long form, not a JSON value of its own."""
    return isinstance(value, dict) and bool(value) and ("from" in value or set(value) <= FIELDS)


def _column(name: str, value: Any) -> _Column:
    try:
        spec = FieldSpec.model_validate(value) if is_long_form(value) else FieldSpec.model_validate({"from": value})
    except ValidationError as problem:
        error = problem.errors()[0]
        text = f"{name}: {'.'.join(map(str, error['loc']))}: {error['msg']}"
        raise TemplateError(text, code="T107", hint=f"fields: {', '.join(sorted(FIELDS))}") from None
    try:
        return _Column(
            name=name,
            value=compile_value(spec.source),
            default=compile_value(spec.default),
            transforms=tuple(make_transform(raw) for raw in spec.transforms),
            convert=TYPES[spec.type] if spec.type else None,
            spec=spec,
        )
    except TemplateError as problem:
        raise problem.at(Place(column=name)) from None
