"""What the environment says of a store: ``PORTL_STORE_<NAME>__<FIELD>``, two underscores before each field, also inside one.

A ``TYPE`` of another kind replaces the whole store, as a profile does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from portl.errors import SetupError
from portl.stores._specs import STORE_TYPES, LocalSpec, StoreSpec

BEGINS = "PORTL_STORE_"


PROJECT = "PORTL_PROJECT"
"""The environment variable that names the folder of the project, in which relative roots begin."""


def in_project(spec: StoreSpec) -> StoreSpec:
    """A store with its root where the project says; without a project a relative one is of the working folder."""
    if not isinstance(spec, LocalSpec) or spec.root.startswith("~"):
        return spec
    return spec.model_copy(update={"root": str(Path(os.environ.get(PROJECT, ""), spec.root))})


def prefix_of(name: str) -> str:
    """What the variables of one store begin with."""
    return f"{BEGINS}{name.upper()}__"


def overridden(name: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """A store's connection with what the environment says of it.

    Raises:
        SetupError: V105, a variable names a field that the store does not have.
    """
    prefix = prefix_of(name)
    told = [variable for variable in os.environ if variable.upper().startswith(prefix)]
    if not told:
        return dict(raw)
    kind = os.environ.get(f"{prefix}TYPE") or raw.get("type")
    if kind not in STORE_TYPES:
        return {**raw, "type": kind}
    _check_fields(told, prefix, {str(kind), str(raw.get("type"))})
    own = dict(raw) if kind == raw.get("type") else {}
    return _merged({**own, "type": kind}, _read(str(kind), prefix))


def fits_no_store(names: Iterable[str]) -> dict[str, str]:
    """The variables that would say something of a store, and of none of ``names``; each with the nearest that would."""
    known = [name.upper() for name in names]
    fitting = [*map(prefix_of, known)]
    odd = {each: each.upper() for each in os.environ if each.upper().startswith(BEGINS) and "__" in each[len(BEGINS) :]}
    found = {}
    for variable in sorted(each for each, upper in odd.items() if not upper.startswith(tuple(fitting))):
        begin, _, field = odd[variable].removeprefix(BEGINS).partition("__")
        near = get_close_matches(begin, known, n=1)
        found[variable] = f"{prefix_of(near[0])}{field}" if near else ""
    return found


def _check_fields(told: Iterable[str], prefix: str, kinds: Iterable[str]) -> None:
    """What the type that is replaced has is passed over, so that a store may be replaced while its own fields are told."""
    known = {field.upper() for kind in kinds if kind in STORE_TYPES for field in STORE_TYPES[kind].model_fields}
    for variable in sorted(told):
        field = variable.upper().removeprefix(prefix).partition("__")[0]
        if field not in known:
            near = get_close_matches(field, known, n=1)
            hint = f"did you mean {prefix}{near[0]}?" if near else f"the fields are {', '.join(sorted(known))}"
            raise SetupError(f"{variable} names a field that the store does not have", code="V105", hint=hint)


def _read(kind: str, prefix: str) -> dict[str, Any]:
    from pydantic import create_model
    from pydantic_settings import BaseSettings, EnvSettingsSource

    fields: dict[str, Any] = {name: (field.annotation, field) for name, field in STORE_TYPES[kind].model_fields.items()}
    settings = create_model("StoreOfTheEnvironment", __base__=BaseSettings, **fields)
    return EnvSettingsSource(settings, env_prefix=prefix, env_nested_delimiter="__", case_sensitive=False)()


def _merged(one: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in other.items():
        inner = isinstance(one.get(name), dict) and isinstance(value, Mapping)
        one[name] = _merged(dict(one[name]), value) if inner else value
    return one
