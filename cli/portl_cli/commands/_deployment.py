"""The block of ``template.yaml`` that ``portl build`` writes: for every job a state machine, its rights, what starts it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from portl.errors import SetupError
from portl_cli.bundle import BEGIN, END
from portl_cli.compile import Compiled
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
    shared = _texts(shared_resources([each.job for each in jobs]))
    return before + begin + "".join(map(_job, jobs)) + shared + end + after


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
    yield "      Policies:"
    for function in compiled.functions:
        yield f"        - LambdaInvokePolicy: {{FunctionName: !Ref {function}}}"
    if any(state["Type"] == "Map" for state in compiled.definition["States"].values()):
        yield from _map_rights(name)
    yield ""


def _map_rights(name: str) -> Iterator[str]:
    """A Distributed Map starts, follows and redrives its children. https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html."""
    arn = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}"
    yield "        - Version: '2012-10-17'"
    yield "          Statement:"
    yield "            - Effect: Allow"
    yield "              Action: states:StartExecution"
    yield f'              Resource: !Sub "{arn}:stateMachine:${{AWS::StackName}}-{name}"'
    yield "            - Effect: Allow"
    yield "              Action: [states:DescribeExecution, states:StopExecution, states:RedriveExecution]"
    yield f'              Resource: !Sub "{arn}:execution:${{AWS::StackName}}-{name}/*"'
