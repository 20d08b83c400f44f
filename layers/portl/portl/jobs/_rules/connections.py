from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from portl.jobs._connections import connection_name, kind_of
from portl.jobs._diagnostics import closest, none_of
from portl.jobs._rules._check import Check, Placed
from portl.jobs._stores import is_store, store_of
from portl.jobs._yaml import Path
from portl.stores import wrong_value


def connections_fit_their_models(check: Check) -> None:
    """J204, J002, J003, J004: each connection is of a known type and has the fields of it; J007: a store can be named."""
    for path, spec in check.declared():
        kind = kind_of(spec)
        if kind not in check.connections:
            text = f'there is no connection type "{kind}"' if kind else "a connection needs a type"
            check.add((*path, "type") if kind else path, "J204", text, closest(kind, check.connections))
            continue
        if is_store(spec) and len(str(path[-1])) == 1:
            text = f'"{path[-1]}" is no name of a store: {path[-1]}:path would be a drive, and a file of this machine'
            check.add(path, "J007", text, "a longer name", key=True)
        try:
            check.connections[kind].model_validate(spec)
        except ValidationError as problem:
            for error in problem.errors():
                _wrong_field(check, path, error, check.connections[kind])


def profiles_replace_what_is_there(check: Check) -> None:
    """J204: a profile's connection stands in the place of one of the same name, of a kind that steps can use alike."""
    for profile, specs in check.job.profiles.items():
        for name, spec in specs.items():
            path, other = ("profiles", profile, name), check.job.connections.get(name)
            if other is None:
                text = f'the profile replaces the connection "{name}", and there is none'
                check.add(path, "J204", text, closest(name, check.job.connections), key=True)
            elif (
                kind_of(spec) != kind_of(other)
                and not (is_store(spec) and is_store(other))
                and kind_of(spec) in check.connections
            ):
                text = f'the profile puts a {kind_of(spec)} in the place of "{name}", which is {kind_of(other)}'
                check.add((*path, "type"), "J204", text, "a store may replace a store, the others their own kind")


def addresses_lead_to_stores(check: Check) -> None:
    """J204: the store that an address names is declared, and is one."""
    for placed in check.steps:
        addresses = set(placed.step.addresses())
        for path, text in check.leaves(placed):
            name = store_of(text) if text in addresses else ""
            if name and not is_store(check.job.connections.get(name)):
                check.add(path, "J204", *_no_store(check, name, text), offset=0)


def _no_store(check: Check, name: str, address: str) -> tuple[str, str]:
    if (spec := check.job.connections.get(name)) is not None:
        return f'"{name}" is a {kind_of(spec)} connection: no files are there', "name a store"
    stores = [each for each, one in check.job.connections.items() if is_store(one)]
    near = closest(name, stores)
    here = "declare it under connections, or for all jobs in stores.yaml in the project's folder"
    hint = near if near.startswith("did") else f"{here}; a file of this machine is ./{address}"
    hint = f"a bucket is s3://{address.partition(':')[2]}" if name == "s3" else hint
    return f'there is no store "{name}"', hint


def _wrong_field(check: Check, path: Path, error: Any, model: type[BaseModel]) -> None:
    where = (*path, *error["loc"])
    name = str(error["loc"][-1]) if error["loc"] else str(path[-1])
    if error["type"] == "extra_forbidden":
        known = [item.alias or field for field, item in model.model_fields.items()]
        check.add(where, "J002", f'unknown field "{name}"', closest(name, known), key=True)
    elif error["type"] == "missing":
        check.add(path, "J003", f'the field "{name}" is missing')
    elif error["type"] == "string_pattern_mismatch" and name == "function":
        hint = "a folder of functions/, an ARN, or file.py:function"
        check.add(where, "J004", f"function: {error['input']!r} names no function", hint)
    elif error["type"] == "literal_error":
        check.add(where, "J004", *none_of(name, error["input"], error["ctx"]["expected"]))
    else:
        check.add(where, "J004", wrong_value(name, error))


def connections_are_known(check: Check) -> None:
    """J204: every connection a step names exists and is of its kind; without one there is no choice."""
    for placed in check.steps:
        if placed.step.connection is None:
            _chosen(check, placed)
        else:
            _named(check, placed, "connection", placed.step.connects_to)
        for field, kind in placed.step.names_connections():
            _named(check, placed, field, kind)


def _named(check: Check, placed: Placed, field: str, wanted: str | None) -> None:
    name = str(getattr(placed.step, field))
    spec, where = check.job.connections.get(name), (*placed.path, field)
    if spec is None:
        check.add(where, "J204", f'there is no connection "{name}"', closest(name, check.job.connections))
    elif wanted is None:
        check.add(where, "J204", f"{placed.step.type} uses no connection", "leave it out")
    elif kind_of(spec) != wanted and kind_of(spec) in check.connections:
        hint = closest(name, _of_kind(check, wanted)) if _of_kind(check, wanted) else ""
        check.add(where, "J204", f'{placed.step.type} needs a {wanted} connection, "{name}" is {kind_of(spec)}', hint)


def _chosen(check: Check, placed: Placed) -> None:
    wanted = placed.step.connects_to
    if wanted is None or connection_name(check.job, placed.step) is not None:
        return
    if any(kind_of(spec) not in check.connections for spec in check.job.connections.values()):
        return  # it may be the one that is missing here, and that its type is unknown is told there
    kinds = _of_kind(check, wanted)
    text = f"{placed.step.type} needs a {wanted} connection and " + ("there are several" if kinds else "there is none")
    hint = f"write connection: {kinds[0]}" if kinds else f"add one of type {wanted} to connections"
    check.add(placed.path, "J204", text, hint)


def _of_kind(check: Check, kind: str) -> list[str]:
    return [name for name, spec in check.job.connections.items() if kind_of(spec) == kind]
