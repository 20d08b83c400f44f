"""``${env:X}`` and ``${secret:x/y}``, resolved inside the function that needs them and never before."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from portl.errors import MissingVariable, SetupError
from portl.values import REDACTOR

_MARK = re.compile(r"\$\{(env|secret):([^}]*)\}")
_PASSWORD = re.compile(r"://[^/@:]*:(.+)@")
"""Whatever stands there, also where the rest is no address."""
KEPT_S = 300.0
_kept: dict[tuple[str, str], tuple[float, str]] = {}


def variables(value: Any) -> Iterator[tuple[str, str]]:
    """Every ``("env" | "secret", name)`` a JSON value names."""
    if isinstance(value, str):
        yield from ((found[1], found[2]) for found in _MARK.finditer(value))
    elif isinstance(value, dict):
        for item in value.values():
            yield from variables(item)
    elif isinstance(value, list):
        for item in value:
            yield from variables(item)


def resolve(value: Any, *, leave_missing: bool = False) -> Any:
    """The JSON value with every mark replaced by what it stands for. What is secret is masked in every text from now on.

    ``leave_missing`` keeps the mark of what has no value, as a plan shows it.

    Raises:
        MissingVariable: V101, one has no value, or an empty one.
    """
    if isinstance(value, dict):
        return {key: resolve(item, leave_missing=leave_missing) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, leave_missing=leave_missing) for item in value]
    if not isinstance(value, str):
        return value

    def stands_for(found: re.Match[str]) -> str:
        try:
            return _look_up(found[1], found[2])
        except MissingVariable:
            if leave_missing:
                return found[0]
            raise

    text = _MARK.sub(stands_for, value)
    _hide_password(text)
    return text


SECRETS_BEGIN = "PORTL_SECRET_"
"""What the local environment variables of secrets begin with."""


def marks_as_names(text: str) -> tuple[str, dict[str, str]]:
    """The template with every mark made a name of the scope, and the marks by these names.

    What a mark stands for is then a value like any other: braces in a secret are no template.
    """
    names: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        names[f"mark_{len(names)}_"] = found[0]
        return "{{ " + [*names][-1] + " }}"

    return _MARK.sub(named, text), names


def secret_variable(name: str) -> str:
    """The environment variable that holds a secret locally: ``notify/token`` is in ``PORTL_SECRET_NOTIFY_TOKEN``."""
    return SECRETS_BEGIN + re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def _look_up(kind: str, name: str) -> str:
    variable = name if kind == "env" else secret_variable(name)
    value = os.environ.get(variable, "")
    if not value and "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        value = _on_aws(kind, name)
    if not value:
        what = f"${{{kind}:{name}}}"
        hint = f"set the environment variable {variable}"
        raise MissingVariable(f"{what} has no value", code="V101", hint=hint)
    if kind == "secret":
        REDACTOR.add(value)
    return value


def _on_aws(kind: str, name: str) -> str:
    """SSM parameter ``/<stack>/env/<name>`` or Secrets Manager secret ``<stack>/<name>``, kept for five minutes."""
    known = _kept.get((kind, name))
    if known and time.monotonic() - known[0] < KEPT_S:
        return known[1]
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    stack = os.environ.get("PORTL_STACK", "")
    try:
        if kind == "env":
            answer = boto3.client("ssm").get_parameter(Name=f"/{stack}/env/{name}", WithDecryption=True)
            value = str(answer["Parameter"]["Value"])
        else:
            value = str(boto3.client("secretsmanager").get_secret_value(SecretId=f"{stack}/{name}")["SecretString"])
    except ClientError as problem:
        if problem.response["Error"]["Code"] in ("ParameterNotFound", "ResourceNotFoundException"):
            return ""
        raise SetupError(f"${{{kind}:{name}}}: {problem}", code="V103", hint="check the function's policy") from problem
    except BotoCoreError as problem:
        raise SetupError(f"${{{kind}:{name}}}: {problem}", code="V103", hint="check the function's network") from problem
    _kept[kind, name] = (time.monotonic(), value)
    return value


def _hide_password(text: str) -> None:
    for password in _PASSWORD.findall(text):
        REDACTOR.add(password)
        REDACTOR.add(unquote(password))
