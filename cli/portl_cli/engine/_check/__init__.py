"""The static check of a state machine: one file per concern, each rule with a code (``RULES``)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from portl_cli.engine._check._errors import check_errors
from portl_cli.engine._check._expressions import check_expressions
from portl_cli.engine._check._fields import check_machine
from portl_cli.engine._check._finding import RULES, Finding, MachineError
from portl_cli.engine._check._graph import check_graph
from portl_cli.engine._check._names import check_names
from portl_cli.engine._check._outline import outline
from portl_cli.engine._check._substitutions import check_substitutions
from portl_cli.engine._check._variables import check_variables
from portl_cli.engine._limits import AWS_LIMITS, Limits

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

__all__ = ["RULES", "Finding", "MachineError", "check"]


def check(
    definition: Mapping[str, Any], *, substitution_keys: Collection[str] | None = None, limits: Limits = AWS_LIMITS
) -> list[Finding]:
    """Everything that is wrong in a definition; an empty list means that the engine runs it as Step Functions would.

    ``substitution_keys`` are the keys of DefinitionSubstitutions; without them placeholders are not looked at.
    """
    if not isinstance(definition, dict):
        return [Finding("S101", "$", "a state machine is an object")]
    if definition.get("QueryLanguage") != "JSONata":
        message = "this machine uses JSONPath, and Portl runs machines of the query language JSONata only"
        return [Finding("S102", "$.QueryLanguage", message)]
    machine = outline(definition)
    findings = [
        *_check_length(definition, limits),
        *check_machine(definition),
        *check_names(machine),
        *check_graph(machine),
        *check_expressions(machine),
        *check_variables(machine),
        *check_errors(machine),
    ]
    if substitution_keys is not None:
        findings += check_substitutions(definition, substitution_keys)
    return findings


def _check_length(definition: Mapping[str, Any], limits: Limits) -> Iterator[Finding]:
    """S208, measured as ``portl build`` writes a definition."""
    length = len(json.dumps(definition, indent=2, ensure_ascii=False))
    if length > limits.definition:
        message = f"the definition has {length:,} characters, and {limits.definition:,.0f} are the most"
        yield Finding("S208", "$", message, "make the job two jobs")
