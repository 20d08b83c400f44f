"""Resources of CloudFormation as data, and their text in a template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

_ENV = re.compile(r"\$\{env:(\w+)\}")


@dataclass(frozen=True, slots=True)
class Function:
    """One of CloudFormation's own functions on a text: ``!Sub``, ``!GetAtt``, ``!Ref``."""

    name: str
    text: str


def sub(text: str) -> Function:
    """The text with each ``${…}`` in it resolved. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-sub.html."""
    return Function("!Sub", text)


def at_deployment(text: str) -> str:
    """For ``!Sub``: each ``${env:X}`` as the SSM parameter that a run would read, resolved when the stack is deployed."""
    return _ENV.sub(r"{{resolve:ssm:/${AWS::StackName}/env/\1}}", text)


def get_att(resource: str, attribute: str = "Arn") -> Function:
    """An attribute of a resource."""
    return Function("!GetAtt", f"{resource}.{attribute}")


def ref(resource: str) -> Function:
    """What a resource is named by."""
    return Function("!Ref", resource)


class _Dumper(yaml.SafeDumper):
    """Plain YAML, every value written out where it stands."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Always: CloudFormation reads no aliases."""
        return True


def _function(dumper: yaml.SafeDumper, value: Function) -> yaml.ScalarNode:
    return dumper.represent_scalar(value.name, value.text, style='"' if value.name == "!Sub" else None)


_Dumper.add_representer(Function, _function)


def resource_text(logical: str, resource: Mapping[str, Any]) -> str:
    """A resource as it stands under ``Resources``."""
    text = yaml.dump({logical: dict(resource)}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return "".join(f"  {line}\n" for line in text.rstrip("\n").split("\n"))
