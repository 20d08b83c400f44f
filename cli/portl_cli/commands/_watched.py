"""What of a job's state machine can be watched, in the block that ``portl build`` writes: logs, traces and an alarm."""

from __future__ import annotations

from collections.abc import Iterator

_METRICS = ("ExecutionsFailed", "ExecutionsTimedOut")
"""https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html"""


def machine_switches(logical: str) -> Iterator[str]:
    """Properties of a state machine: what it logs, and whether it is traced. Inputs and outputs are never logged."""
    yield "      Logging:"
    yield "        Level: !Ref MachineLogs"
    yield "        IncludeExecutionData: false"
    yield f"        Destinations: [{{CloudWatchLogsLogGroup: {{LogGroupArn: !GetAtt {logical}Logs.Arn}}}}]"
    yield "      Tracing: {Enabled: !If [Traced, true, false]}"


def machine_logs(name: str, logical: str) -> Iterator[str]:
    """Its log group; under another name Step Functions may run into the largest size of a resource policy.

    https://docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html
    """
    yield f"  {logical}Logs:"
    yield "    Type: AWS::Logs::LogGroup"
    yield "    Properties:"
    yield f'      LogGroupName: !Sub "/aws/vendedlogs/states/${{AWS::StackName}}-{name}"'
    yield "      RetentionInDays: !FindInMap [Stages, !Ref Stage, LogDays]"
    yield ""


def machine_alarm(name: str, logical: str) -> Iterator[str]:
    """One execution that fails or runs out of its time is an alarm."""
    yield f"  {logical}Fails:"
    yield "    Type: AWS::CloudWatch::Alarm"
    yield "    Properties:"
    yield f'      AlarmDescription: !Sub "${{AWS::StackName}}: a run of {name} failed"'
    yield "      AlarmActions: [!Ref AlarmTopic]"
    yield "      ComparisonOperator: GreaterThanThreshold"
    yield "      Threshold: 0"
    yield "      EvaluationPeriods: 1"
    yield "      TreatMissingData: notBreaching"
    yield "      Metrics:"
    yield "        - {Id: all, Label: failed runs, Expression: SUM(METRICS()), ReturnData: true}"
    for at, metric in enumerate(_METRICS):
        yield f"        - Id: m{at}"
        yield "          ReturnData: false"
        yield "          MetricStat:"
        yield "            Period: 300"
        yield "            Stat: Sum"
        yield "            Metric:"
        yield "              Namespace: AWS/States"
        yield f"              MetricName: {metric}"
        yield f"              Dimensions: [{{Name: StateMachineArn, Value: !Ref {logical}}}]"
    yield ""
