"""The schema takes every job that Portl takes, and refuses what the models refuse, at the same place."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, ValidationError

from portl.connections import CONNECTION_TYPES
from portl.errors import TemplateError
from portl.jobs import TRIGGER_TYPES, Job, StepSpec, parse_job
from portl.jobs._models import Batch, Param, Retry, Transaction
from portl.jobs._triggers import Delivery
from portl.jobs._yaml import read_yaml
from portl.steps import STEP_TYPES
from portl.steps._paginate import Following, Paginate
from portl.steps.csv_read import Dialect
from portl.steps.file_write import Parts
from portl.steps.outbox_enqueue import OutboxRequest
from portl.stores._specs import RetrySpec
from portl.values import FieldSpec
from portl.values._transforms import TRANSFORMS, make_transform
from portl_cli.schema import ARGUMENTS, schema_text, transform
from schema.conftest import EVERY_KEY

ROOT = Path(__file__).resolve().parents[2]
JOBS = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in ROOT.glob("statemachines/*/job.yaml")}
FIXTURES = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in ROOT.glob("tests/**/good*.yaml")}
BLOCKS = {
    f"{path.name}#{number}": text
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for number, text in enumerate(re.findall(r"```yaml\n(version.*?)```", path.read_text("utf-8"), re.DOTALL))
}
GOOD = JOBS | FIXTURES | BLOCKS


def test_the_schema_is_one_of_draft_07(schema: dict[str, Any]) -> None:
    Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_the_schema_in_the_documents_is_the_one_that_the_models_give() -> None:
    assert (ROOT / "docs" / "job.schema.json").read_text("utf-8") == schema_text()


@pytest.mark.parametrize("name", GOOD)
def test_every_job_of_the_project_and_of_its_documents_is_right(name: str, refused: Any) -> None:
    assert refused(GOOD[name]) == []


def test_a_job_with_every_key_is_right_for_the_schema_and_for_the_models(every_key: str, refused: Any, tmp_path: Path) -> None:
    (tmp_path / "many.sql").write_text("SELECT 1", "utf-8")
    job, findings = parse_job(every_key.encode(), "job.yaml", STEP_TYPES, CONNECTION_TYPES, folder=tmp_path)
    assert job is not None, findings
    assert form_findings(every_key.encode(), tmp_path) == []
    assert refused(every_key) == []


BAD = [
    ("job: every_key", "jbo: every_key", (), "jbo"),
    ("version: 2", "version: 3", ("version",), "2 was expected"),
    ("type: string, required", "type: strin, required", ("params", "path", "type"), "is not one of"),
    ("sslmode: require", "sslmod: require", ("connections", "pg"), "sslmod"),
    ("type: http", "type: htp", ("connections", "api", "type"), "is not one of"),
    ('base_url: "${env:API}", ', "", ("connections", "api"), "'base_url' is a required property"),
    ("function: ingestor", 'function: "in gestor"', ("connections", "fn", "function"), "does not match"),
    ("scope: db", "scope: bd", ("transaction",), "not valid under any"),
    ("type: csv.read", "type: csv.raed", ("steps", 0, "type"), "is not one of"),
    ("    encoding: utf-8", "    encodign: utf-8", ("steps", 0), "encodign"),
    ("  - id: read_csv\n    type: csv.read", "  - type: csv.read", ("steps", 0), "'id' is a required property"),
    ("count: int", "count: itn", ("steps", 0, "types", "count"), "is not one of"),
    ('    path: "{{ params.path }}"\n', "", ("steps", 0), "'path' is a required property"),
    ("header: true", 'header: "yes"', ("steps", 0, "dialect", "header"), "is not of type 'boolean'"),
    ('when: "{{ row.code is not none }}"', "when: row.code", ("steps", 1, "when"), "does not match"),
    ("conflict: merge_newer", "conflict: merge_nwer", ("steps", 2, "conflict"), "is not one of"),
    ("key: [code]", "key: []", ("steps", 2, "key"), "should be non-empty"),
    ("transforms: [trim,", "transforms: [tirm,", ("steps", 2, "mapping", "code"), "not valid under any"),
    ("        required: true\n", "        requierd: true\n", ("steps", 2, "mapping", "code"), "not valid under any"),
    ("table: t, mapping: {a: 1}", "tabel: t, mapping: {a: 1}", ("steps", 3, "then", 0), "tabel"),
    ("type: db.query_one", "type: db.query_oen", ("steps", 3, "then", 1, "then", 0, "type"), "is not one of"),
    (", where: {b: 2}", "", ("steps", 3, "else", 0), "not valid under any"),
    ("sql_file: many.sql", "sql_file: many.sql, sql: SELECT 1", ("steps", 4), "False schema"),
    ("sql_file: many.sql, params: {}", "", ("steps", 4), "not valid under any"),
    ("method: POST", "method: PSOT", ("steps", 5, "method"), "is not one of"),
    ("expect: [200]", "expect: [ok]", ("steps", 5, "expect", 0), "is not of type 'integer'"),
    ("    path: /x\n", "    path: /x\n    url: /x\n", ("steps", 5), "False schema"),
    ("body: text", "body: text, form: {}", ("steps", 6), "False schema"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "path", "message"), BAD)
def test_a_wrong_job_is_refused_at_its_place(
    old: str, new: str, path: tuple[Any, ...], message: str, every_key: str, refused: Any, tmp_path: Path
) -> None:
    assert old in every_key
    wrong = every_key.replace(old, new, 1)
    found = refused(wrong)
    assert [where for where, said in found if message in said] == [path], found
    assert form_findings(wrong.encode(), tmp_path) != []


FORM = {"J002", "J003", "J004", "J005", "J007"}
"""The codes of what is wrong with the form of a job, not with its sense."""


def form_findings(raw: bytes, folder: Path) -> list[str]:
    (folder / "many.sql").write_text("SELECT 1", "utf-8")
    _, findings = parse_job(raw, "job.yaml", STEP_TYPES, CONNECTION_TYPES, folder=folder)
    told = ("a connection needs a type", "there is no connection type")
    kinds = [each for each in findings if each.code == "J204" and each.message.startswith(told)]
    return [str(each) for each in findings if each.code in FORM or each in kinds]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value below."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*path, key)
        yield from places(item, (*path, key))


def changed(value: Any, path: tuple[Any, ...], how: str) -> Any:
    """The job with the value at a path taken out, its key misspelt, or something else in its place."""
    copied = copy.deepcopy(value)
    around = copied
    for part in path[:-1]:
        around = around[part]
    if how == "without it":
        del around[path[-1]]
    elif how == "its key misspelt" and isinstance(around, dict):
        around[f"{path[-1]}x"] = around.pop(path[-1])
    else:
        around[path[-1]] = {"a number": 7, "text": "text", "a list": [], "a mapping": {}, "true": True}.get(how)
    return copied


NULL_IS_ABSENT = {("else", 0, "set"), ("else", 0, "where"), ("path",), ("url",), ("sql",), ("sql_file",), ("newer_by",)}
"""Keys of which one must be there: the models take null for absent, a schema cannot say so without marking the wrong key."""


VALUE = read_yaml(EVERY_KEY).value
WAYS = ("without it", "its key misspelt", "a number", "text", "a list", "a mapping", "true", "null")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("job")


@settings(max_examples=settings.default.max_examples // 2)
@given(path=st.sampled_from(list(places(VALUE))), how=st.sampled_from(WAYS))
def test_the_schema_and_the_models_agree_on_every_value_of_a_job(
    refused: Any, folder: Path, path: tuple[Any, ...], how: str
) -> None:
    assume(how != "null" or not any(path[-len(each) :] == each for each in NULL_IS_ABSENT))
    job = changed(VALUE, path, how)
    models, schema = form_findings(json.dumps(job).encode(), folder), refused(job)
    assert bool(models) == bool(schema), (models, schema)


MODELS = {
    **{
        model.__name__: model
        for model in (
            Param,
            Batch,
            Retry,
            RetrySpec,
            Transaction,
            Delivery,
            Dialect,
            FieldSpec,
            Following,
            OutboxRequest,
            Paginate,
            Parts,
        )
    },
    **{model.__name__: model for model in (*STEP_TYPES.values(), *CONNECTION_TYPES.values(), *TRIGGER_TYPES.values())},
}


def keys(model: Any) -> set[str]:
    names = {field.alias or name for name, field in model.model_fields.items()}
    other_step = issubclass(model, StepSpec) and model.connects_to != "http" and not model.waits
    return names - {"timeout_s"} if other_step else names


def test_each_field_of_each_model_is_in_the_schema_and_no_other(schema: dict[str, Any]) -> None:
    made = schema["definitions"]
    closed = {name: set(each["properties"]) for name, each in made.items() if each.get("additionalProperties") is False}
    assert closed == {name: keys(model) for name, model in MODELS.items()}
    assert set(schema["properties"]) == keys(Job)
    assert set(made["Step"]["properties"]) == keys(StepSpec)
    assert set(made) - set(closed) == {"Step", "Connection", "Trigger", "Column", "Mapping", "Transform"}


def test_a_type_is_one_that_is_known_and_leads_to_its_own_keys(schema: dict[str, Any]) -> None:
    for name, models in (("Step", STEP_TYPES), ("Connection", CONNECTION_TYPES), ("Trigger", TRIGGER_TYPES)):
        definition = schema["definitions"][name]
        ways = {way["if"]["properties"]["type"]["const"]: way["then"]["$ref"] for way in definition["allOf"]}
        assert ways == {kind: f"#/definitions/{model.__name__}" for kind, model in models.items()}
        assert definition["properties"]["type"]["enum"] == list(models)


def test_every_key_is_described(schema: dict[str, Any]) -> None:
    bare = [
        f"{name}.{key}"
        for name, model in {"Job": schema, **schema["definitions"]}.items()
        for key, value in model.get("properties", {}).items()
        if isinstance(value, dict) and "description" not in value and name != "FieldSpec"
    ]
    assert bare == ["ApiCall.method"]


ARGUMENT = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 40) | st.sampled_from(["", "x", "%d.%m.%Y", ",", "."]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["map", "default", "decimal", "group"]), inner),
    max_leaves=4,
)


def test_the_arguments_described_are_those_of_transforms() -> None:
    assert set(ARGUMENTS) <= TRANSFORMS


NAME = st.sampled_from(sorted(TRANSFORMS))


@given(raw=NAME | st.builds(lambda name, value: {name: value}, NAME, ARGUMENT))
def test_what_a_transform_takes_the_schema_takes(raw: Any) -> None:
    try:
        make_transform(raw)
    except TemplateError:
        return
    Draft7Validator(transform()).validate(raw)


@pytest.mark.parametrize(
    "raw",
    ["lwoer", "replace", 5, {}, {"lower": 1}, {"replace": ["a"]}, {"substring": ["a"]}, {"substring": [-1]}, {"lookup": {}},
     {"parse_number": {"dec": ","}}, {"parse_date": 5}, {"concat": "a"}, {"trim": None, "lower": None}, {"default_now": 1}],
)  # fmt: skip
def test_what_is_no_transform_neither_takes(raw: Any) -> None:
    with pytest.raises(TemplateError):
        make_transform(raw)
    with pytest.raises(ValidationError):
        Draft7Validator(transform()).validate(raw)
