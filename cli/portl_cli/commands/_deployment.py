"""The block of ``template.yaml`` that ``portl build`` writes: a state machine and its rights for every job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from portl.errors import SetupError
from portl_cli.bundle import BEGIN, END
from portl_cli.compile import Compiled


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
    return before + begin + "".join(_machine(job) for job in jobs) + end + after


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
