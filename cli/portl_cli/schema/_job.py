"""The schema of a job.

Its shape is the one yaml-language-server answers best to: a mapping with a ``type`` is one ``if``/``then`` per type, so that a
step of one type is never offered another's keys, as it would be with ``oneOf``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from portl.connections import CONNECTION_TYPES
from portl.jobs import DEFINED_AS, TRIGGER_TYPES, Job, StepSpec, TriggerSpec
from portl.steps import STEP_TYPES
from portl.values import FieldSpec
from portl_cli.schema._transforms import transform

Schema = dict[str, Any]

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The draft that yaml-language-server knows best. https://json-schema.org/draft-07"""
REFERENCE = "#/definitions/{model}"
ANY = ["string", "number", "boolean", "array", "null"]


def schema_text() -> str:
    """The text of ``docs/job.schema.json``: the same for the same models, always."""
    return json.dumps(job_schema(), indent=2, ensure_ascii=False) + "\n"


def job_schema() -> Schema:
    """The schema of a job file, draft-07."""
    made = _definitions(
        [Job, StepSpec, FieldSpec, TriggerSpec, *STEP_TYPES.values(), *CONNECTION_TYPES.values(), *TRIGGER_TYPES.values()]
    )
    job = made.pop("Job")
    made["Step"] = _step(made)
    made["Connection"] = _connection(made)
    made["Trigger"] = _trigger(made)
    made["Column"] = _column(made["FieldSpec"])
    made["Mapping"] = {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": _to("Column")}}
    made["FieldSpec"]["properties"]["transforms"]["items"] = {"$ref": _to("Transform")}
    made["Transform"] = transform()
    return {"$schema": DIALECT, "title": "A job of Portl", **job, "definitions": dict(sorted(made.items()))}


class _Generator(GenerateJsonSchema):
    """Pydantic's own, in the words of draft-07 and without titles that only repeat a field's name."""

    schema_dialect = DIALECT

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        """Never: an editor shows the field's name already."""
        return False

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Names that the pattern of the keys does not meet are refused, as the model refuses them."""
        made = super().dict_schema(schema)
        return {**made, "additionalProperties": False} if "patternProperties" in made else made

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Only plain defaults: null tells nobody anything, and one inside a mapping stops the language server's completion."""
        made = super().default_schema(schema)
        if not isinstance(made.get("default"), (str, int, float)):
            made.pop("default", None)
        return made

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """``type: [string, null]`` where that says it: an editor shows one choice, not two."""
        inner = self.generate_inner(schema["schema"])
        if "enum" in inner:
            return {"enum": [*inner["enum"], None]}
        if isinstance(inner.get("type"), str) and "const" not in inner:
            return {**inner, "type": [inner["type"], "null"]}
        return {"anyOf": [inner, {"type": "null"}]}


def _definitions(models: list[type[BaseModel]]) -> dict[str, Schema]:
    wanted = [(model, "validation") for model in models]
    _, made = models_json_schema(wanted, ref_template=REFERENCE, schema_generator=_Generator)  # type: ignore[arg-type]
    found: dict[str, Schema] = _referring(made["$defs"])
    for definition in found.values():
        definition.pop("title", None)
    return found


def _referring(value: Any) -> Any:
    """The marks of ``defined_as`` become references; pydantic itself knows no definition that it did not make."""
    if isinstance(value, list):
        return [_referring(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: _referring(item) for key, item in value.items()}
    if isinstance(found.get(DEFINED_AS), str):
        return {"$ref": _to(found.pop(DEFINED_AS)), **{key: found[key] for key in ("description",) if key in found}}
    return found


def _to(name: str) -> str:
    return REFERENCE.format(model=name)


def _step(made: dict[str, Schema]) -> Schema:
    """A step: the keys of every step are described once, here; a type's own definition only says that they are known."""
    base = made.pop("StepSpec")
    base["properties"].pop("timeout_s")  # of calls and waits only, as J401 says
    names = {kind: model.__name__ for kind, model in STEP_TYPES.items()}
    for kind, name in names.items():
        _only_own(made[name], base, kind)
        if STEP_TYPES[kind].connects_to != "http" and not STEP_TYPES[kind].waits:
            made[name]["properties"].pop("timeout_s")
    described = {**base["properties"], "type": _kinds("step", names, made)}
    return {**_chosen("step", names), "properties": described, "required": base["required"]}


def _trigger(made: dict[str, Schema]) -> Schema:
    """A trigger, as a step: what all have is described once."""
    base = made.pop("TriggerSpec")
    names = {kind: model.__name__ for kind, model in TRIGGER_TYPES.items()}
    for kind, name in names.items():
        _only_own(made[name], base, kind)
        made[name]["properties"]["type"] = True
    made["S3Trigger"]["oneOf"] = [{"required": ["bucket"]}, {"required": ["store"]}]
    described = {**base["properties"], "type": _kinds("trigger", names, made)}
    return {**_chosen("trigger", names), "properties": described, "required": base["required"]}


def _only_own(own: Schema, base: Schema, title: str) -> None:
    """Takes out of a type's definition what the definition of all describes."""
    shared = {key for key, value in base["properties"].items() if own["properties"].get(key) == value}
    own["properties"] = {key: key in shared or value for key, value in own["properties"].items()}
    own["required"] = [key for key in own["required"] if key not in shared]
    own["title"] = title


def _connection(made: dict[str, Schema]) -> Schema:
    names = {kind: model.__name__ for kind, model in CONNECTION_TYPES.items()}
    for kind, name in names.items():
        made[name]["properties"]["type"] = True
        made[name]["title"] = kind
    return {**_chosen("connection", names), "properties": {"type": _kinds("connection", names, made)}, "required": ["type"]}


def _kinds(noun: str, names: Mapping[str, str], made: Mapping[str, Schema]) -> Schema:
    """The values of ``type``, each with the first sentences of its model: what an editor shows beside the list."""
    return {
        "enum": list(names),
        "enumDescriptions": [made[name]["description"].partition("\n\n")[0] for name in names.values()],
        "description": f"The kind of {noun}: it decides which other keys there are.",
    }


def _chosen(noun: str, names: Mapping[str, str]) -> Schema:
    """A mapping whose ``type`` says which definition it must meet."""
    ways = [
        # without ``type: object`` an empty value would meet every condition, and be offered the keys of all
        {"if": {"type": "object", "properties": {"type": {"const": kind}}, "required": ["type"]}, "then": {"$ref": _to(name)}}
        for kind, name in names.items()
    ]
    return {"title": noun, "type": "object", "allOf": ways}


def _column(long_form: Schema) -> Schema:
    """What a column may be mapped from: the long form, or any value that is not meant to be one (see ``is_long_form``)."""
    fields = list(long_form["properties"])
    meant = {"minProperties": 1, "anyOf": [{"required": ["from"]}, {"propertyNames": {"enum": fields}}]}
    return {"anyOf": [{"$ref": _to("FieldSpec")}, {"type": ANY}, {"type": "object", "not": meant}]}
