"""Reads what a local run needs of a SAM template: functions, layers, and which function a state machine's ``${Key}`` means.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from portl.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from portl_cli.engine._data import Json

_FUNCTION = "AWS::Serverless::Function"
_LAYER = "AWS::Serverless::LayerVersion"
_MACHINE = "AWS::Serverless::StateMachine"

DEFAULT_TIMEOUT_S = 3
DEFAULT_MEMORY_MB = 128
"""What AWS takes where neither the function nor Globals says anything."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the template. ``timeout`` is in seconds, ``memory`` in MB; ``layers`` are the folders of its own layers."""

    name: str
    code_dir: Path
    handler: str
    timeout: float = DEFAULT_TIMEOUT_S
    memory: int = DEFAULT_MEMORY_MB
    environment: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class StateMachine:
    """A state machine of the template; ``substitutions`` lead from the key in ``${Key}`` to the function's logical id."""

    definition_path: Path
    substitutions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Template:
    """The functions and state machines of a template, by logical id."""

    functions: Mapping[str, Function]
    machines: Mapping[str, StateMachine]


def load_template(path: Path) -> Template:
    """Reads a SAM template in YAML.

    Raises:
        SetupError: V201 not there, V202 not YAML, V203 not a template, V204 something in it cannot be followed locally.
    """
    document = _read(path)
    resources = _mapping(document.get("Resources"), "Resources")
    reader = _Reader(path.resolve().parent, resources, _mapping(document.get("Globals", {}), "Globals"), _defaults(document))
    return Template(
        functions={name: reader.function(name, body) for name, body in _of_type(resources, _FUNCTION)},
        machines={name: reader.machine(name, body) for name, body in _of_type(resources, _MACHINE)},
    )


_Loader: Any = type("_Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})
"""YAML with CloudFormation's short tags, read as their long form: ``!GetAtt A.Arn`` is ``{"Fn::GetAtt": "A.Arn"}``.

libyaml reads a template thirty times as fast as Python does; where PyYAML was built without it, Python reads it.
"""


def _tag(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any = None
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _tag)


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise SetupError(f"{path} is not UTF-8", code="V202", hint="save it as UTF-8") from problem
    except OSError as problem:
        raise SetupError(f"cannot read {path}: {problem.strerror}", code="V201", hint="run inside a Portl project") from problem
    try:
        document = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader with tags that become plain mappings
    except yaml.YAMLError as problem:
        raise SetupError(f"{path} is not YAML: {problem}", code="V202", hint="`sam validate` shows the place") from problem
    return _mapping(document, path.name)


def _mapping(value: Json, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SetupError(f"{where} is not a mapping", code="V203", hint="`sam validate` shows what is expected")
    return value


def _of_type(resources: Mapping[str, Any], resource_type: str) -> list[tuple[str, dict[str, Any]]]:
    found = [(name, body) for name, body in resources.items() if isinstance(body, dict) and body.get("Type") == resource_type]
    return [(name, _mapping(body.get("Properties"), f"{name}.Properties")) for name, body in found]


def _defaults(document: Mapping[str, Any]) -> dict[str, str]:
    parameters = _mapping(document.get("Parameters", {}), "Parameters")
    return {name: str(body["Default"]) for name, body in parameters.items() if isinstance(body, dict) and "Default" in body}


class _Reader:
    def __init__(self, root: Path, resources: dict[str, Any], globals_: dict[str, Any], defaults: dict[str, str]) -> None:
        self.root = root
        self.resources = resources
        self.shared = _mapping(globals_.get("Function", {}), "Globals.Function")
        self.defaults = defaults

    def function(self, name: str, body: dict[str, Any]) -> Function:
        merged = {**self.shared, **body}
        variables = {**_variables(self.shared), **_variables(body)}
        environment = {key: self._text(value) for key, value in variables.items()}
        return Function(
            name=name,
            code_dir=self._folder(merged.get("CodeUri"), f"{name}.CodeUri"),
            handler=self._handler(name, merged),
            timeout=self._number(merged.get("Timeout", DEFAULT_TIMEOUT_S), f"{name}.Timeout"),
            memory=self._number(merged.get("MemorySize", DEFAULT_MEMORY_MB), f"{name}.MemorySize"),
            environment={key: value for key, value in environment.items() if value is not None},
            layers=self._layers([*self.shared.get("Layers", []), *body.get("Layers", [])]),
        )

    def machine(self, name: str, body: dict[str, Any]) -> StateMachine:
        uri = body.get("DefinitionUri")
        if not isinstance(uri, str):
            raise _unfollowable(f"{name}.DefinitionUri", uri, "name the definition's file")
        given = _mapping(body.get("DefinitionSubstitutions", {}), f"{name}.DefinitionSubstitutions")
        substitutions = {key: self._function_of(value, f"{name}.DefinitionSubstitutions.{key}") for key, value in given.items()}
        return StateMachine(definition_path=self.root / uri, substitutions=substitutions)

    def _handler(self, name: str, merged: dict[str, Any]) -> str:
        handler = merged.get("Handler")
        if not isinstance(handler, str) or "." not in handler:
            raise _unfollowable(f"{name}.Handler", handler, "write module.function, such as app.handler")
        return handler

    def _folder(self, value: Json, where: str) -> Path:
        if not isinstance(value, str):
            raise _unfollowable(where, value, "name a folder beside the template")
        return self.root / value

    def _number(self, value: Json, where: str) -> int:
        text = self._text(value)
        if text is None or not text.isdecimal():
            raise _unfollowable(where, value, "write a whole number")
        return int(text)

    def _text(self, value: Json) -> str | None:
        """The text of a scalar or of a parameter's default; None for what only a deployment knows."""
        if isinstance(value, dict):
            return self.defaults.get(value["Ref"]) if set(value) == {"Ref"} else None
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value)

    def _layers(self, references: list[Any]) -> tuple[Path, ...]:
        """The folders of the template's own layers; an ARN of somebody else's has none here."""
        chosen = [_either(one) for one in references]
        names = [one["Ref"] for one in chosen if isinstance(one, dict) and "Ref" in one]
        bodies = dict(_of_type(self.resources, _LAYER))
        return tuple(self._folder(bodies[name].get("ContentUri"), f"{name}.ContentUri") for name in names if name in bodies)

    def _function_of(self, value: Json, where: str) -> str:
        attribute = value.get("Fn::GetAtt") if isinstance(value, dict) else None
        parts = attribute.split(".") if isinstance(attribute, str) else attribute
        if not isinstance(parts, list) or len(parts) != 2 or parts[1] != "Arn" or parts[0] not in self.resources:  # noqa: PLR2004
            raise _unfollowable(where, value, "write `!GetAtt <function>.Arn` with a function of this template")
        return str(parts[0])


def _either(value: Json) -> Json:
    """What stands last in an ``!If``: whatever a deployment chooses, here it is the same folder."""
    while isinstance(value, dict) and "Fn::If" in value:
        value = value["Fn::If"][-1]
    return value


def _variables(body: Mapping[str, Any]) -> dict[str, Any]:
    environment = _mapping(body.get("Environment", {}), "Environment")
    return _mapping(environment.get("Variables", {}), "Environment.Variables")


def _unfollowable(where: str, value: Json, hint: str) -> SetupError:
    return SetupError(f"{where} is {value!r}, which a local run cannot follow", code="V204", hint=hint)
