"""The block of ``template.yaml`` that ``portl build`` writes: a state machine for every job, and what functions need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from portl.errors import SetupError
from portl_cli.bundle import BEGIN, END
from portl_cli.commands._rights import function_rights, machine_policies
from portl_cli.commands._watched import machine_alarm, machine_logs, machine_switches
from portl_cli.compile import Compiled, rights


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
    return before + begin + "".join(_machine(job) for job in jobs) + needed + end + after


def _machine(compiled: Compiled) -> str:
    name = compiled.job.job
    logical = "".join(part.capitalize() for part in name.replace("-", "_").split("_")) + "Machine"
    return "".join(f"{line}\n" for line in _lines(compiled, name, logical))


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
