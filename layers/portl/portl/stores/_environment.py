"""What the environment says of a store: ``PORTL_STORE_<NAME>__<FIELD>``, two underscores before each field, also inside one.

A ``TYPE`` of another kind replaces the whole store, as a profile does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from portl.stores._specs import STORE_TYPES

BEGINS = "PORTL_STORE_"


def prefix_of(name: str) -> str:
    """What the variables of one store begin with."""
    return f"{BEGINS}{name.upper()}__"


def overridden(name: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """A store's connection with what the environment says of it."""
    prefix = prefix_of(name)
    told = [variable for variable in os.environ if variable.upper().startswith(prefix)]
    if not told:
        return dict(raw)
    kind = os.environ.get(f"{prefix}TYPE") or raw.get("type")
    if kind not in STORE_TYPES:
        return {**raw, "type": kind}
    own = dict(raw) if kind == raw.get("type") else {}
    return _merged({**own, "type": kind}, _read(str(kind), prefix))


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
