"""The resources that ``portl build`` writes for triggers, and that what they send is what the function reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws

from flows.support import portl, project
from portl.triggers import start_event
from triggers.support import MACHINE, FakeStarter, event

KEYS = {"region_name": "eu-central-1", "aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
TRIGGERS = """\
triggers:
  - id: dropped
    type: s3
    bucket: "${env:RESOURCES_BUCKET}"
    prefix: 'resources/a*'
    suffix: .csv
    params: {path: "{{ event.uri if event.size < 5000000 else '$' ~ event.key }}", version: "{{ event.version }}"}
    retry: {max_attempts: 3, max_age_s: 600}
  - id: nightly
    type: schedule
    expression: cron(0 6 ? * MON-FRI *)
    timezone: Europe/Berlin
    params: {path: "{{ event.time }}"}
  - {id: hourly, type: schedule, expression: rate(1 hour), overlap: queue, window_minutes: 15, params: {path: a.csv}}
  - {id: told, type: event, bus: partners, pattern: {source: [partner], detail: {n: [{numeric: [">", 1]}]}}, params: {path: a}}
"""
WRITTEN = re.compile(r"triggers:\n.*?\n\n", re.DOTALL)


class _Template(yaml.SafeLoader):
    pass


def _tagged(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:
    made = loader.construct_scalar if isinstance(node, yaml.ScalarNode) else loader.construct_sequence
    return {suffix: made(node)}


_Template.add_multi_constructor("!", _tagged)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The resources of a project whose one job has a trigger of every kind."""
    folder = tmp_path_factory.mktemp("built")
    file = project(folder)
    file.write_text(WRITTEN.sub(lambda _: TRIGGERS + "\n", file.read_text("utf-8")), "utf-8")
    ended = portl(folder, "build", "--project", str(file.parent))
    assert ended.code == 0, ended.err
    resources = yaml.load((folder / "project" / "template.yaml").read_text("utf-8"), _Template)["Resources"]  # noqa: S506
    return {name: each for name, each in resources.items() if name.startswith(("ResourceSync", "StartRun"))}


def sent(template: str) -> str:
    """A ``!Sub`` as CloudFormation fills it in."""
    return template.replace("${ResourceSyncMachine}", MACHINE).replace("${AWS::StackName}", "portl-dev")


def test_every_trigger_has_its_rule_or_schedule_and_every_rule_its_permission(built: Any) -> None:
    kinds = ("AWS::Events", "AWS::Scheduler", "AWS::Lambda::Permission")
    assert {name: each["Type"] for name, each in built.items() if each["Type"].startswith(kinds)} == {
        "ResourceSyncDroppedRule": "AWS::Events::Rule",
        "ResourceSyncDroppedRulePermission": "AWS::Lambda::Permission",
        "ResourceSyncNightlySchedule": "AWS::Scheduler::Schedule",
        "ResourceSyncHourlySchedule": "AWS::Scheduler::Schedule",
        "ResourceSyncToldRule": "AWS::Events::Rule",
        "ResourceSyncToldRulePermission": "AWS::Lambda::Permission",
    }
    assert built["ResourceSyncToldRulePermission"]["Properties"] == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": "StartRunFunction"},
        "Principal": "events.amazonaws.com",
        "SourceArn": {"GetAtt": "ResourceSyncToldRule.Arn"},
    }


def test_every_target_has_its_retries_and_the_dead_letter_queue(built: Any) -> None:
    rules = [each["Properties"] for each in built.values() if each["Type"] == "AWS::Events::Rule"]
    targets = [target for rule in rules for target in rule["Targets"]]
    targets += [each["Properties"]["Target"] for each in built.values() if each["Type"] == "AWS::Scheduler::Schedule"]
    assert [each["DeadLetterConfig"] for each in targets] == [{"Arn": {"GetAtt": "StartRunFailedQueue.Arn"}}] * 4
    assert [each["RetryPolicy"] for each in targets] == [
        {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 600},
        *[{"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}] * 3,
    ]
    assert built["StartRunFailedQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"][0]["Condition"] == {
        "ArnEquals": {"aws:SourceArn": [{"GetAtt": f"ResourceSync{each}Rule.Arn"} for each in ("Dropped", "Told")]}
    }


def test_the_function_may_start_the_machines_that_have_triggers_and_look_at_those_that_must_not_overlap(built: Any) -> None:
    execution = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${AWS::StackName}-resource_sync:*"
    assert built["StartRunRights"]["Properties"]["Roles"] == [{"Ref": "StartRunFunctionRole"}]
    assert built["StartRunRights"]["Properties"]["PolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": "states:StartExecution", "Resource": [{"Ref": "ResourceSyncMachine"}]},
        {"Effect": "Allow", "Action": "states:ListExecutions", "Resource": [{"Ref": "ResourceSyncMachine"}]},
        {"Effect": "Allow", "Action": "states:DescribeExecution", "Resource": [{"Sub": execution}]},
    ]


def test_a_schedule_is_handed_to_the_function_and_one_that_queues_to_the_queue(built: Any) -> None:
    nightly, hourly = (built[f"ResourceSync{each}Schedule"]["Properties"] for each in ("Nightly", "Hourly"))
    assert (nightly["ScheduleExpression"], nightly["ScheduleExpressionTimezone"], nightly["FlexibleTimeWindow"]) == (
        "cron(0 6 ? * MON-FRI *)",
        "Europe/Berlin",
        {"Mode": "OFF"},
    )
    assert nightly["Target"]["Arn"] == {"GetAtt": "StartRunFunction.Arn"}
    assert (hourly["Target"]["Arn"], hourly["Target"]["SqsParameters"], hourly["FlexibleTimeWindow"]) == (
        {"GetAtt": "StartRunWaitingQueue.Arn"},
        {"MessageGroupId": "resource_sync"},
        {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
    )


def test_what_a_schedule_sends_is_what_the_function_reads(built: Any) -> None:
    text = sent(built["ResourceSyncNightlySchedule"]["Properties"]["Target"]["Input"]["Sub"])
    for name, value in (("schedule-arn", "arn:s"), ("scheduled-time", "2026-11-12T05:00:00Z"), ("execution-id", "d32c")):
        text = text.replace(f"<aws.scheduler.{name}>", value)
    starter = FakeStarter()
    start_event(json.loads(text), starter)
    assert [*starter.inputs.values()] == [{"path": "2026-11-12T05:00:00Z"}]


@pytest.fixture
def through(built: Any) -> Iterator[Any]:
    """What the rule of the s3 trigger sends for an event on moto's bus: a queue stands where the function would."""
    rule = json.loads(json.dumps(built["ResourceSyncDroppedRule"]["Properties"]))
    bucket = rule["EventPattern"]["detail"]["bucket"]["name"]
    assert bucket == [{"Sub": "{{resolve:ssm:/${AWS::StackName}/env/RESOURCES_BUCKET}}"}]
    bucket[:] = ["amzn-s3-demo-bucket1"]
    template = sent(rule["Targets"][0]["InputTransformer"]["InputTemplate"]["Sub"])
    with mock_aws():
        events, sqs = boto3.client("events", **KEYS), boto3.client("sqs", **KEYS)
        url = sqs.create_queue(QueueName="start-run")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name="r", EventPattern=json.dumps(rule["EventPattern"]))
        target = {"Id": "StartRun", "Arn": arn, "InputTransformer": {"InputTemplate": template}}
        events.put_targets(Rule="r", Targets=[target])

        def send(event: dict[str, Any]) -> list[Any]:
            entry = {"Source": event["source"], "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}
            events.put_events(Entries=[entry])
            return [json.loads(each["Body"]) for each in sqs.receive_message(QueueUrl=url).get("Messages", [])]

        yield send
        events.close()
        sqs.close()


@pytest.mark.parametrize(
    ("key", "comes"),
    [
        ("resources/a*1.csv", True),
        ("resources/a*.csv", True),
        ("resources/ab.csv", False),
        ("resources/a*1.txt", False),
        ("other/a*1.csv", False),
    ],
)
def test_the_rule_takes_the_objects_that_the_trigger_means_and_no_others(through: Any, key: str, comes: bool) -> None:
    made = event("s3_object_created")
    made["detail"]["object"]["key"] = key
    assert [each["event"]["detail"]["object"]["key"] for each in through(made)] == ([key] if comes else [])


def test_what_the_rule_sends_is_what_the_function_reads(through: Any) -> None:
    made, starter = event("s3_object_created"), FakeStarter()
    made["detail"]["object"]["key"] = "resources/a*1.csv"
    (request,) = through(made)
    assert (request["machine"], request["trigger"]["bucket"]) == (MACHINE, "${env:RESOURCES_BUCKET}")
    start_event(request, starter)
    assert [*starter.inputs.values()] == [
        {"path": "s3://amzn-s3-demo-bucket1/resources/a*1.csv", "version": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"}
    ]


def test_what_the_job_says_is_no_placeholder_of_the_rule(built: Any) -> None:
    """EventBridge would take any ``<name>`` in it for one, CloudFormation any ``${name}``.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    template = sent(built["ResourceSyncDroppedRule"]["Properties"]["Targets"][0]["InputTransformer"]["InputTemplate"]["Sub"])
    assert re.findall(r"[<>$]", template.replace("<aws.events.event.json>", "")) == []


def test_the_template_of_the_repository_is_the_one_that_would_be_built(tmp_path: Path) -> None:
    ended = portl(tmp_path, "build", "--check", "--project", str(Path(__file__).resolve().parents[2]))
    assert (ended.code, ended.out) == (0, "everything is as it would be written\n")
