from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from portl.errors import TemplateError
from portl.jobs._rules._check import Check, leaves
from portl.jobs._yaml import Path, value_at
from portl.values import compile_value, is_condition

_AWS_JSONATA = re.compile(r"^\{%.*%\}$", re.DOTALL)
_CODES = {"T103": "J102", "T109": "J104"}
"""Of what a compiled expression is refused for; the rest is J101."""


def expressions_are_valid(check: Check) -> None:
    """J101, J102, J104: what stands in braces can be compiled. J004: a condition is one expression and nothing else."""
    for path in check.document.values:
        text = value_at(check.document.value, path)
        if isinstance(text, str) and _AWS_JSONATA.match(text.strip()):
            check.add(path, "J101", "{% %} is not for jobs: Step Functions would evaluate it", "use {{ }}")
    for placed in check.steps:
        for where, value in placed.step.expressions():
            _compiles(check, (*placed.path, *where), value)
            if where in (("when",), ("if",)) and not is_condition(value):
                hint = "such as \"{{ row.state == 'new' }}\""
                text = f"{where[0]} is exactly one {{{{ expression }}}}, true or false"
                check.add((*placed.path, *where), "J004", text, hint)
        if placed.step.batch:
            _compiles(check, (*placed.path, "batch", "from"), placed.step.batch.source)


def _compiles(check: Check, path: Path, value: Any) -> None:
    _plain_keys(check, path, value)
    for where, text in leaves(value, path):
        compiles(check, where, text)


def compiles(check: Check, path: Path, text: str, functions: Mapping[str, Any] | None = None) -> None:
    """Tells what is wrong in one text with expressions, at its very character."""
    if _AWS_JSONATA.match(text.strip()):
        return
    try:
        compiled = compile_value(text, functions=functions)
        if functions is None:
            check.reads[text] = compiled.references
    except TemplateError as problem:
        check.add(path, _CODES.get(problem.code, "J101"), problem.message, problem.hint, offset=getattr(problem, "offset", 0))


def _plain_keys(check: Check, path: Path, value: Any) -> None:
    if isinstance(value, list):
        for at, item in enumerate(value):
            _plain_keys(check, (*path, at), item)
    for key, item in value.items() if isinstance(value, dict) else ():
        if "{{" in key:
            check.add((*path, key), "J101", f'the key "{key}" is a template', "keys are plain text", key=True)
        _plain_keys(check, (*path, key), item)
