"""The block of ``template.yaml`` that ``portl build`` writes: each job's machine, what starts it, and what functions need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from portl.errors import SetupError
from portl_cli.bundle import BEGIN, END
from portl_cli.commands._rights import function_rights, machine_policies
from portl_cli.commands._watched import machine_alarm, machine_logs, machine_switches
from portl_cli.compile import Compiled, rights
from portl_cli.compile.cloudformation import resource_text
from portl_cli.compile.triggers import machine_id, resources, shared_resources


def with_block(template: str, jobs: Sequence[Compiled]) -> str:
    """The template with its block written anew.

    Raises:
        SetupError: V122, the marks of the block are not there.
    """
    before, begin, rest = template.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        hint = f"put these two lines under Resources:\n{BEGIN}{END}"
        raise SetupError("template.yaml has no block for portl build", code="V122", hint=hint)
    needed = "".join(f"{line}\n" for name, own in rights(jobs).items() for line in function_rights(name, own))
    shared = _texts(shared_resources([each.job for each in jobs]))
    return before + begin + "".join(map(_job, jobs)) + needed + shared + end + after


def _job(compiled: Compiled) -> str:
    """A job's machine, and what starts it."""
    name = compiled.job.job
    machine = "".join(f"{line}\n" for line in _lines(compiled, name, machine_id(name)))
    return machine + _texts(resources(compiled.job))


def _texts(found: Iterable[tuple[str, dict[str, Any]]]) -> str:
    return "".join(f"{resource_text(logical, resource)}\n" for logical, resource in found)


def _lines(compiled: Compiled, name: str, logical: str) -> Iterator[str]:
    yield f"  {logical}:"
    yield "    Type: AWS::Serverless::StateMachine"
    yield "    Properties:"
    yield f'      Name: !Sub "${{AWS::StackName}}-{name}"'
    yield f"      DefinitionUri: statemachines/{name}/{name}.asl.json"
    yield "      DefinitionSubstitutions:"
    for function in compiled.functions:
        yield f"        {function}Arn: !GetAtt {function}.Arn"
    yield from machine_switches(logical)
    yield from machine_policies(compiled, name)
    yield ""
    yield from machine_logs(name, logical)
    yield from machine_alarm(name, logical)
