"""Patterns of EventBridge: whether one is written rightly, and whether an event fits it.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Path = tuple[str | int, ...]
_SCALAR = (str, int, float, bool, type(None))
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_TEXTUAL = ("prefix", "suffix", "equals-ignore-case", "wildcard")
OPERATORS = (*_TEXTUAL, "anything-but", "numeric", "exists", "cidr")
MOST_STARS = 2
"""Two neighbouring stars of a wildcard are refused."""


def wrong_pattern(pattern: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """What is wrong in a pattern, each with its place in it."""
    if not isinstance(pattern, dict) or not pattern:
        yield path, "should be a mapping of fields to what they may be"
        return
    for name, wanted in pattern.items():
        where = (*path, name)
        if name == "$or":
            yield from _wrong_choice(wanted, where)
        elif isinstance(wanted, dict):
            yield from wrong_pattern(wanted, where)
        elif not isinstance(wanted, list) or not wanted:
            yield where, f"{name}: a field is compared with a list, as in [{name}]"
        else:
            for at, rule in enumerate(wanted):
                yield from _wrong_rule(rule, (*where, at))


def fits_event(pattern: Mapping[str, Any], event: Any) -> bool:
    """Whether an event is one that the pattern means: every field of it fits, one of each list."""
    return all(_fits_field(name, wanted, event) for name, wanted in pattern.items())


def _wrong_choice(wanted: Any, where: Path) -> Iterator[tuple[Path, str]]:
    if not isinstance(wanted, list) or len(wanted) < 2:  # noqa: PLR2004 - a choice is between two
        yield where, "$or: should be a list of two patterns or more"
        return
    for at, each in enumerate(wanted):
        yield from wrong_pattern(each, (*where, at))


def _wrong_rule(rule: Any, where: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(rule, _SCALAR):
        return
    if not isinstance(rule, dict) or len(rule) != 1:
        yield where, "should be a value, or one comparison such as {prefix: …}"
        return
    ((name, operand),) = rule.items()
    if name not in OPERATORS:
        yield (*where, name), f"there is no comparison {name}; there are {', '.join(OPERATORS)}"
    elif not _IS_OPERAND[name](operand):
        yield (*where, name), f"{name}: {operand!r} is nothing that it compares with"


def _is_text(operand: Any) -> bool:
    if isinstance(operand, dict):
        return len(operand) == 1 and isinstance(operand.get("equals-ignore-case"), str)
    return isinstance(operand, str) and operand != ""


def _is_wildcard(operand: Any) -> bool:
    return isinstance(operand, str) and "*" * MOST_STARS not in operand.replace("\\*", "")


def _is_other(operand: Any) -> bool:
    """What ``anything-but`` takes: values, or one comparison of texts."""
    if isinstance(operand, dict):
        ((name, inner),) = operand.items() if len(operand) == 1 else (("", None),)
        return name in _TEXTUAL and all(isinstance(each, str) for each in _listed(inner))
    return bool(_listed(operand)) and all(isinstance(each, _SCALAR) for each in _listed(operand))


def _is_numeric(operand: Any) -> bool:
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        return False
    return all(sign in _COMPARED and _is_number(number) for sign, number in zip(operand[::2], operand[1::2], strict=True))


def _is_cidr(operand: Any) -> bool:
    try:
        ipaddress.ip_network(operand, strict=False)
    except (ValueError, TypeError):
        return False
    return isinstance(operand, str)


_IS_OPERAND: dict[str, Callable[[Any], bool]] = {
    "prefix": _is_text,
    "suffix": _is_text,
    "equals-ignore-case": lambda operand: isinstance(operand, str),
    "wildcard": _is_wildcard,
    "anything-but": _is_other,
    "numeric": _is_numeric,
    "exists": lambda operand: isinstance(operand, bool),
    "cidr": _is_cidr,
}


def _fits_field(name: str, wanted: Any, event: Any) -> bool:
    if name == "$or":
        return any(fits_event(each, event) for each in wanted)
    there = event.get(name, _ABSENT) if isinstance(event, dict) else _ABSENT
    if isinstance(wanted, dict):
        return any(fits_event(wanted, each if isinstance(each, dict) else {}) for each in _listed(there))
    if there is _ABSENT or there == []:
        return {"exists": False} in wanted
    return any(_fits(rule, value) for rule in wanted for value in _listed(there))


_ABSENT = object()


def _fits(rule: Any, value: Any) -> bool:
    if not isinstance(rule, dict):
        return _same(rule, value)
    ((name, operand),) = rule.items()
    match name:
        case "exists":
            return bool(operand)
        case "anything-but":
            return not _is_any_of(operand, value)
        case "numeric":
            pairs = zip(operand[::2], operand[1::2], strict=True)
            return _is_number(value) and all(_COMPARED[sign](value, number) for sign, number in pairs)
        case "cidr":
            return _is_cidr(value) and ipaddress.ip_address(value) in ipaddress.ip_network(operand, strict=False)
    return _fits_text(name, operand, value)


def _is_any_of(operand: Any, value: Any) -> bool:
    if isinstance(operand, dict):
        ((name, texts),) = operand.items()
        return any(_fits_text(name, each, value) for each in _listed(texts))
    return any(_same(each, value) for each in _listed(operand))


def _fits_text(name: str, operand: Any, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    if isinstance(operand, dict):
        operand, value = operand["equals-ignore-case"].casefold(), value.casefold()
    match name:
        case "prefix":
            return bool(value.startswith(operand))
        case "suffix":
            return bool(value.endswith(operand))
        case "equals-ignore-case":
            return bool(value.casefold() == operand.casefold())
    return _wildcard(operand).fullmatch(value) is not None


def _wildcard(text: str) -> re.Pattern[str]:
    r"""``*`` is any text; ``\*`` and ``\\`` are a star and a backslash of its own."""
    tokens = re.findall(r"\\[*\\]|.", text, re.DOTALL)
    return re.compile("".join(".*" if each == "*" else re.escape(each[-1]) for each in tokens), re.DOTALL)


def as_wildcard(text: str) -> str:
    """A text as it stands inside a wildcard."""
    return text.replace("\\", "\\\\").replace("*", "\\*")


def _same(wanted: Any, value: Any) -> bool:
    return isinstance(wanted, bool) == isinstance(value, bool) and bool(wanted == value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
