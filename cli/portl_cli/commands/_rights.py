"""The rights in the block of ``template.yaml`` that ``portl build`` writes: of each state machine, and of each function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from portl.connections import parse_target
from portl_cli.compile import Compiled, Place, Rights

_HERE = "${AWS::Region}:${AWS::AccountId}"
_WRITING = "[s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload]"


def machine_policies(compiled: Compiled, name: str) -> Iterator[str]:
    """What a job's state machine may: logs and traces, its functions by their exact ARNs, itself where it has children.

    https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
    """
    yield "      Policies:"
    yield "        - !Ref MachinePolicy"
    yield "        - Version: '2012-10-17'"
    yield "          Statement:"
    yield from _statement("lambda:InvokeFunction", [f"!GetAtt {function}.Arn" for function in compiled.functions], 12)
    if any(_distributed(state) for state in compiled.definition["States"].values()):
        arn = f"arn:${{AWS::Partition}}:states:{_HERE}"
        yield from _statement("states:StartExecution", [f'!Sub "{arn}:stateMachine:${{AWS::StackName}}-{name}"'], 12)
        children = [f'!Sub "{arn}:execution:${{AWS::StackName}}-{name}/*"']
        yield from _statement("[states:DescribeExecution, states:StopExecution, states:RedriveExecution]", children, 12)


def _distributed(state: dict[str, object]) -> bool:
    processor = state.get("ItemProcessor")
    return isinstance(processor, dict) and processor.get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED"


def function_rights(function: str, rights: Rights) -> Iterator[str]:
    """The policy of a function that jobs make need something."""
    yield f"  {function}Rights:"
    yield "    Type: AWS::IAM::Policy"
    for name, bucket in sorted(rights.unnamed):
        yield f"    # store {name}: name its bucket {bucket} in ReadBuckets or WriteBuckets"
    yield "    Properties:"
    yield "      PolicyName: what-jobs-name"
    yield f"      Roles: [!Ref {function}Role]"
    yield "      PolicyDocument:"
    yield "        Version: '2012-10-17'"
    yield "        Statement:"
    yield from _statement("ssm:GetParameter", _named("ssm", "parameter/${AWS::StackName}/env/{}", rights.parameters))
    # Secrets Manager adds a hyphen and six characters to a name.
    secrets = _named("secretsmanager", "secret:${AWS::StackName}/{}-??????", rights.secrets)
    yield from _statement("secretsmanager:GetSecretValue", secrets)
    yield from _statement("lambda:InvokeFunction", [_invoked(each) for each in sorted(rights.functions)])
    yield from _statement("[s3:GetObject, s3:GetObjectVersion]", _objects(rights.reads))
    for place in sorted(rights.reads):
        yield from _listing(place)
    yield from _statement(_WRITING, _objects(rights.writes))
    yield ""


def _statement(action: str, resources: list[str], indent: int = 10) -> Iterator[str]:
    if resources:
        yield f"{' ' * indent}- Effect: Allow"
        yield f"{' ' * indent}  Action: {action}"
        yield f"{' ' * indent}  Resource:"
        yield from (f"{' ' * indent}    - {each}" for each in resources)


def _named(service: str, resource: str, names: Iterable[str]) -> list[str]:
    begin = f"arn:${{AWS::Partition}}:{service}:{_HERE}:"
    return [f'!Sub "{begin}{resource.replace("{}", name)}"' for name in sorted(names)]


def _invoked(function: str) -> str:
    target = parse_target(function)
    if target.kind == "arn":
        return target.name
    return f'!Sub "arn:${{AWS::Partition}}:lambda:{_HERE}:function:${{AWS::StackName}}-{target.name}"'


def _objects(places: Iterable[Place]) -> list[str]:
    return [f'!Sub "arn:${{AWS::Partition}}:s3:::{each.bucket}/{each.prefix}*"' for each in sorted(places)]


def _listing(place: Place) -> Iterator[str]:
    """A file that is not there is told as such only to whom may list: else S3 answers that access is denied."""
    yield from _statement("s3:ListBucket", [f'!Sub "arn:${{AWS::Partition}}:s3:::{place.bucket}"'])
    if place.prefix:
        shown = [f"{place.prefix}*", *([place.prefix.rstrip("/")] if place.prefix.endswith("/") else [])]
        yield f'            Condition: {{StringLike: {{"s3:prefix": {str(shown).replace(chr(39), chr(34))}}}}}'
