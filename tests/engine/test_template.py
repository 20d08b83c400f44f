from __future__ import annotations

import pytest

from portl.errors import SetupError
from portl_cli.engine import Function, StateMachine, Template, load_template

GOOD = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: dev}
  Seconds: {Type: Number, Default: 45}
Globals:
  Function:
    Handler: app.handler
    Timeout: 900
    MemorySize: 1024
    Layers: [!Ref Shared]
    Environment:
      Variables: {STAGE: !Ref Stage, RUNS: !Sub "s3://${Bucket}/runs", DEBUG: true}
Resources:
  Bucket: {Type: AWS::S3::Bucket}
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: layers/shared/}
  Reads:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/reads/}
  Writes:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/writes/
      Handler: main.go
      Timeout: !Ref Seconds
      MemorySize: 256
      Layers: ["arn:aws:lambda:eu-west-1:123456789012:layer:other:1"]
      Environment: {Variables: {STAGE: own}}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machines/load.asl.json
      DefinitionSubstitutions: {ReadsArn: !GetAtt Reads.Arn, WritesArn: {"Fn::GetAtt": [Writes, Arn]}}
"""
MACHINE = "Resources: {M: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: m, DefinitionSubstitutions: "


@pytest.fixture
def load(tmp_path):
    def write(text: str) -> Template:
        path = tmp_path / "template.yaml"
        path.write_text(text)
        return load_template(path)

    return write


def test_functions_have_their_globals_and_machines_their_functions(load, tmp_path):
    shared = (tmp_path / "layers/shared",)
    reads = {"STAGE": "dev", "DEBUG": "true"}
    assert load(GOOD) == Template(
        functions={
            "Reads": Function("Reads", tmp_path / "functions/reads", "app.handler", 900, 1024, reads, shared),
            "Writes": Function(
                "Writes", tmp_path / "functions/writes", "main.go", 45, 256, {"STAGE": "own", "DEBUG": "true"}, shared
            ),
        },
        machines={"Machine": StateMachine(tmp_path / "machines/load.asl.json", {"ReadsArn": "Reads", "WritesArn": "Writes"})},
    )


def test_what_nobody_says_is_what_aws_takes(load, tmp_path):
    text = "Resources: {F: {Type: AWS::Serverless::Function, Properties: {CodeUri: f, Handler: app.handler}}}"
    assert load(text).functions == {"F": Function("F", tmp_path / "f", "app.handler", 3, 128, {}, ())}


def test_a_template_that_is_not_there_says_so(tmp_path):
    with pytest.raises(SetupError, match=r"V201 cannot read .*template\.yaml: No such file"):
        load_template(tmp_path / "template.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "V202 .* is not YAML"),
        ("- a", r"V203 template\.yaml is not a mapping"),
        ("a: 1", "V203 Resources is not a mapping"),
        ("Globals: []\nResources: {}", "V203 Globals is not a mapping"),
        ("Resources: {F: {Type: AWS::Serverless::Function}}", r"V203 F\.Properties is not a mapping"),
        ("Resources: {F: {Type: AWS::Serverless::Function, Properties: {Handler: a.b}}}", r"V204 F\.CodeUri is None"),
        ("Resources: {F: {Type: AWS::Serverless::Function, Properties: {CodeUri: f}}}", r"V204 F\.Handler is None"),
        (
            "Resources: {F: {Type: AWS::Serverless::Function, Properties: {CodeUri: f, Handler: a.b, Timeout: soon}}}",
            r"V204 F\.Timeout is 'soon'",
        ),
        ("Resources: {M: {Type: AWS::Serverless::StateMachine, Properties: {}}}", r"V204 M\.DefinitionUri is None"),
        (
            MACHINE + "{K: !GetAtt Nobody.Arn}}}}",
            r"V204 M\.DefinitionSubstitutions\.K is .*Nobody\.Arn",
        ),
        (
            MACHINE + "{K: text}}}}",
            r"V204 M\.DefinitionSubstitutions\.K is 'text'",
        ),
    ],
)
def test_a_template_that_cannot_be_followed_says_where(load, text, message):
    with pytest.raises(SetupError, match=message):
        load(text)
