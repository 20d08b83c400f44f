"""How a step's spec stands in a state machine without SAM, CloudFormation or Step Functions reading it as their own.

CloudFormation replaces ``${…}`` anywhere in a definition; Step Functions evaluates any string that begins with ``{%`` and ends
with ``%}``. A string with either is written as ``{"$text": [part, …]}``, the parts cut so that neither mark survives; reading
joins them. Text of several lines is ``{"$lines": [line, …]}``: it reads better in the console, and validators of the
language take no line end inside a string, nor the empty string. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-stepfunctions-statemachine.html
"""

from __future__ import annotations

import re
from typing import Any

TEXT = "$text"
LINES = "$lines"
_CUT = re.compile(r"(?<=\$)(?=\{)|(?<=\{)(?=%)|(?<=%)(?=\})")


def encode_spec(value: Any) -> Any:
    """The JSON value with every dangerous string, and every mapping that looks encoded, made safe."""
    if isinstance(value, str):
        return _encoded(value)
    if isinstance(value, list):
        return [encode_spec(item) for item in value]
    if isinstance(value, dict):
        inner = [[encode_spec(key), encode_spec(item)] for key, item in value.items()]
        if any(not isinstance(key, str) for key, _ in inner) or value.keys() & {TEXT, LINES}:
            return {TEXT: {"mapping": inner}}
        return dict(inner)
    return value


def _encoded(text: str) -> Any:
    if "\n" in text:
        return {LINES: [_encoded(line) for line in text.split("\n")]}
    if not text or _CUT.search(text):
        return {TEXT: [part for part in _CUT.split(text) if part]}
    return text


def decode_spec(value: Any) -> Any:
    """The value that ``encode_spec`` was given."""
    if isinstance(value, list):
        return [decode_spec(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {LINES}:
        return "\n".join(decode_spec(line) for line in value[LINES])
    if set(value) != {TEXT}:
        return {key: decode_spec(item) for key, item in value.items()}
    if isinstance(value[TEXT], list):
        return "".join(value[TEXT])
    return {decode_spec(key): decode_spec(item) for key, item in value[TEXT]["mapping"]}
