from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from portl.errors import MappingError, Place, TemplateError
from portl.values._templates import Compiled, Reference, Scope, compile_value
from portl.values._transforms import Transform, make_transform
from portl.values._types import TYPES

SHOWN = 80


class FieldSpec(BaseModel):
    """The long form of a mapped column. Transforms come first, then the type, then default and required."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Any = Field(default=None, alias="from")
    type: Literal["text", "int", "float", "decimal", "bool", "date", "datetime", "json", "uuid"] | None = None
    transforms: list[Any] = []
    default: Any = None
    required: bool = False
    on_error: Literal["fail", "null", "skip"] = "fail"


FIELDS = frozenset(field.alias or name for name, field in FieldSpec.model_fields.items())


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    value: Compiled
    default: Compiled
    transforms: tuple[Transform, ...]
    convert: Callable[[Any], Any] | None
    spec: FieldSpec
    references: tuple[Reference, ...]

    def apply(self, scope: Scope) -> Any:
        value = self.value.render(scope)
        for transform in self.transforms:
            value = self._try(lambda given, use=transform: use(given, scope), value, "M103")
        if self.convert is not None:
            empty = value is None or (value == "" and self.spec.type != "text")
            value = None if empty else self._try(self.convert, value, "M102")
        if value is None:
            value = self.default.render(scope)
        if self.spec.required and value in (None, ""):
            raise self._error("is required and has no value", "M101", value, "give it a default, or correct the source")
        return value

    def _try(self, change: Callable[[Any], Any], value: Any, code: str) -> Any:
        try:
            return change(value)
        except (ValueError, TypeError, ArithmeticError, OverflowError, KeyError) as problem:
            wanted = f"cannot be {self.spec.type}" if code == "M102" else "does not go through its transforms"
            raise self._error(wanted, code, value, "correct the source, or set on_error: null") from problem

    def _error(self, text: str, code: str, value: Any, hint: str) -> MappingError:
        shown = repr(value)
        shown = shown if len(shown) <= SHOWN else shown[:SHOWN] + "…"
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
            TemplateError: an expression failed.
        """
        values: dict[str, Any] = {}
        for column in self._columns:
            try:
                values[column.name] = column.apply(scope)
            except (MappingError, TemplateError) as problem:
                if column.spec.on_error == "fail":
                    raise problem.at(Place(column=column.name)) from problem.__cause__
                if column.spec.on_error == "skip":
                    return None
                values[column.name] = None
        return values


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
    compiled, default = compile_value(spec.source), compile_value(spec.default)
    made = [make_transform(raw) for raw in spec.transforms]
    reading = [compiled, default, *(extra for _, extra in made if extra is not None)]
    return _Column(
        name=name,
        value=compiled,
        default=default,
        transforms=tuple(transform for transform, _ in made),
        convert=TYPES[spec.type] if spec.type else None,
        spec=spec,
        references=tuple(reference for each in reading for reference in each.references),
    )
