"""Stage 5: what starts a machine by itself, as data: rules, schedules, and the right of ``start_run`` to start it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from portl.errors import JobError
from portl.jobs import EventTrigger, Job, S3Trigger, ScheduleTrigger, TriggerSpec, as_wildcard, below, watched
from portl.triggers import request_document
from portl_cli.compile.cloudformation import Function, at_deployment, get_att, ref, sub

Resource = dict[str, Any]
FUNCTION, FAILED, WAITING, ROLE = "StartRunFunction", "StartRunFailedQueue", "StartRunWaitingQueue", "StartRunScheduleRole"
RIGHTS, MAY_FAIL = "StartRunRights", "StartRunFailedQueuePolicy"
MOST_TEMPLATE = 8_192
"""Characters of what a rule sends. https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html"""
_SCHEDULED = {
    "id": "<aws.scheduler.execution-id>",
    "detail-type": "Scheduled Event",
    "source": "aws.scheduler",
    "time": "<aws.scheduler.scheduled-time>",
    "resources": ["<aws.scheduler.schedule-arn>"],
}
"""What the scheduler fills in. https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html"""


def machine_id(job: str) -> str:
    """The template's name of a job's state machine."""
    return _camel(job) + "Machine"


def trigger_id(job: str, trigger: TriggerSpec) -> str:
    """The template's name of a trigger's rule or schedule."""
    return _camel(job) + _camel(trigger.id) + ("Schedule" if isinstance(trigger, ScheduleTrigger) else "Rule")


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.replace("-", "_").split("_"))


def resources(job: Job) -> Iterator[tuple[str, Resource]]:
    """The resources of a job's triggers, by their names in the template.

    Raises:
        JobError: what a rule would send is longer than EventBridge takes.
    """
    for trigger in job.triggers:
        logical = trigger_id(job.job, trigger)
        if isinstance(trigger, ScheduleTrigger):
            yield logical, _schedule(job, trigger)
        else:
            yield logical, _rule(job, trigger)
            yield f"{logical}Permission", _permission(logical)


def shared_resources(jobs: Sequence[Job]) -> Iterator[tuple[str, Resource]]:
    """What all triggers have together: who may put events aside, and what ``start_run`` may start."""
    rules = [trigger_id(job.job, each) for job in jobs for each in job.triggers if not isinstance(each, ScheduleTrigger)]
    if rules:
        yield MAY_FAIL, _may_fail(rules)
    if any(job.triggers for job in jobs):
        yield RIGHTS, _rights(jobs)


def event_pattern(job: Job, trigger: TriggerSpec) -> dict[str, Any]:
    """The pattern of a rule, the bucket as the job has it."""
    if isinstance(trigger, EventTrigger):
        return trigger.pattern
    assert isinstance(trigger, S3Trigger)  # noqa: S101 - a schedule has no pattern
    found = watched(trigger, job.connections)
    assert found is not None  # noqa: S101 - the check has refused it
    detail: dict[str, Any] = {"bucket": {"name": [found.bucket]}}
    if rule := _key_rule(found.prefix, found.suffix):
        detail["object"] = {"key": [rule]}
    return {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}


def _key_rule(prefix: str, suffix: str) -> dict[str, str] | None:
    """Two comparisons in one list would mean either of them; a wildcard means both."""
    if prefix and suffix:
        return {"wildcard": f"{as_wildcard(prefix)}*{as_wildcard(suffix)}"}
    return {"prefix": prefix} if prefix else {"suffix": suffix} if suffix else None


def request_of(job: Job, machine: str, trigger: TriggerSpec) -> dict[str, Any]:
    """What a trigger sends to ``start_run``, but for the event."""
    store = trigger.store if isinstance(trigger, S3Trigger) else None
    return request_document(job.job, machine, trigger, below(job.connections[store]) if store else "")


def _rule(job: Job, trigger: TriggerSpec) -> Resource:
    template = _sent(job, trigger, "<aws.events.event.json>", quoted=False)
    if len(template.text) > MOST_TEMPLATE:
        raise JobError(f'the trigger "{trigger.id}" is too long for EventBridge: {len(template.text):,} characters')
    target = {
        "Id": "StartRun",
        "Arn": get_att(FUNCTION),
        "InputTransformer": {"InputTemplate": template},
        "RetryPolicy": _retry(trigger),
        "DeadLetterConfig": {"Arn": get_att(FAILED)},
    }
    bus = {"EventBusName": trigger.bus} if isinstance(trigger, EventTrigger) and trigger.bus != "default" else {}
    pattern = _deployed(event_pattern(job, trigger))
    return {"Type": "AWS::Events::Rule", "Properties": {**bus, "EventPattern": pattern, "Targets": [target]}}


def _permission(rule: str) -> Resource:
    properties = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": ref(FUNCTION),
        "Principal": "events.amazonaws.com",
        "SourceArn": get_att(rule),
    }
    return {"Type": "AWS::Lambda::Permission", "Properties": properties}


def _schedule(job: Job, trigger: ScheduleTrigger) -> Resource:
    waits = trigger.overlap == "queue"
    target = {
        "Arn": get_att(WAITING if waits else FUNCTION),
        "RoleArn": get_att(ROLE),
        "Input": _sent(job, trigger, _SCHEDULED, quoted=True),
        **({"SqsParameters": {"MessageGroupId": job.job}} if waits else {}),
        "RetryPolicy": _retry(trigger),
        "DeadLetterConfig": {"Arn": get_att(FAILED)},
    }
    window = (
        {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": trigger.window_minutes} if trigger.window_minutes else {"Mode": "OFF"}
    )
    properties = {
        "ScheduleExpression": trigger.expression,
        "ScheduleExpressionTimezone": trigger.timezone,
        "FlexibleTimeWindow": window,
        "Target": target,
    }
    return {"Type": "AWS::Scheduler::Schedule", "Properties": properties}


def _retry(trigger: TriggerSpec) -> dict[str, int]:
    return {
        "MaximumRetryAttempts": trigger.retry.max_attempts,
        "MaximumEventAgeInSeconds": trigger.retry.max_age_s,
    }


def _sent(job: Job, trigger: TriggerSpec, event: Any, *, quoted: bool) -> Function:
    """The request with its event. What the job says must not look like a placeholder of AWS's: it is escaped, as JSON can."""
    own = json.dumps(request_of(job, "{machine}", trigger))[:-1]
    for mark in "$<>":
        own = own.replace(mark, f"\\u{ord(mark):04x}")
    own = own.replace('"{machine}"', f'"${{{machine_id(job.job)}}}"')
    return sub(f'{own}, "event": {json.dumps(event) if quoted else event}}}')


def _deployed(value: Any) -> Any:
    """A pattern with the values that only a deployment knows: ``${env:X}`` is the SSM parameter that a run would read."""
    if isinstance(value, dict):
        return {name: _deployed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_deployed(item) for item in value]
    if isinstance(value, str) and (resolved := at_deployment(value)) != value:
        return sub(resolved)
    return value


def _may_fail(rules: Sequence[str]) -> Resource:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html#eb-dlq-perms."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": [get_att(FAILED)],
        "Condition": {"ArnEquals": {"aws:SourceArn": [get_att(rule) for rule in rules]}},
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [ref(FAILED)], "PolicyDocument": document}}


def _rights(jobs: Sequence[Job]) -> Resource:
    schedules = {job.job: [each for each in job.triggers if isinstance(each, ScheduleTrigger)] for job in jobs}
    looked = [name for name, found in schedules.items() if any(map(_looks, found))]
    waited = [name for name, found in schedules.items() if any(each.overlap == "queue" for each in found)]
    statements = [_allow("states:StartExecution", [ref(machine_id(job.job)) for job in jobs if job.triggers])]
    if looked:
        statements.append(_allow("states:ListExecutions", [ref(machine_id(name)) for name in looked]))
    if waited:
        arn = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${AWS::StackName}"
        statements.append(_allow("states:DescribeExecution", [sub(f"{arn}-{name}:*") for name in waited]))
    document = {"Version": "2012-10-17", "Statement": statements}
    properties = {"PolicyName": RIGHTS, "Roles": [ref(f"{FUNCTION}Role")], "PolicyDocument": document}
    return {"Type": "AWS::IAM::Policy", "Properties": properties}


def _looks(schedule: ScheduleTrigger) -> bool:
    """Whether the list of executions is asked: for those that go on, or for the last one that succeeded."""
    return schedule.overlap != "allow" or "event" in str(schedule.params)


def _allow(action: str, resources: Sequence[Function]) -> Mapping[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": list(resources)}
