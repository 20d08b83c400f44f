"""What the template promises, read off its text (bundle.md A1, A3, A8, V2). SAM's own tools judge it in test_sam.py."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bundle.documents import ROOT, inside, listed, resources, statements, template
from portl_cli.bundle import BEGIN, END
from portl_cli.engine import check, load_template

FUNCTIONS = resources("AWS::Serverless::Function")
MACHINES = resources("AWS::Serverless::StateMachine")
DATABASES = {"DbInsert", "DbUpdate", "DbUpsert", "DbQueryOne", "DbQueryMany", "DbTransaction", "DbStage", "DbCommit"}
DATABASES |= {"OutboxEnqueue", "OutboxDrain"}


def folder(function: str) -> str:
    return str(FUNCTIONS[function]["CodeUri"]).removeprefix("functions/").removesuffix("/")


def test_every_folder_of_functions_has_its_resource_and_every_resource_its_folder() -> None:
    folders = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
    assert sorted(map(folder, FUNCTIONS)) == folders


@pytest.mark.parametrize("name", MACHINES)
def test_every_machine_passes_the_static_check_and_is_told_every_function_it_names_and_no_other(name: str) -> None:
    definition = (ROOT / MACHINES[name]["DefinitionUri"]).read_text("utf-8")
    keys = set(re.findall(r"\$\{(\w+)\}", definition))
    told = {key: {"Fn::GetAtt": f"{key.removesuffix('Arn')}.Arn"} for key in keys}
    assert MACHINES[name]["DefinitionSubstitutions"] == told
    assert check(json.loads(definition), substitution_keys=keys) == []


def test_every_job_has_its_machine() -> None:
    found = {Path(machine["DefinitionUri"]).parent.name for machine in MACHINES.values()}
    assert found == {path.parent.name for path in (ROOT / "statemachines").glob("*/job.yaml")}


def test_every_function_and_machine_has_a_log_group_of_its_own_and_every_log_group_a_retention() -> None:
    groups = resources("AWS::Logs::LogGroup")
    logged = [FUNCTIONS[name].get("LoggingConfig", {}).get("LogGroup", {}).get("Ref") for name in FUNCTIONS]
    for machine in MACHINES.values():
        (told,) = machine["Logging"]["Destinations"]
        logged.append(told["CloudWatchLogsLogGroup"]["LogGroupArn"]["Fn::GetAtt"].removesuffix(".Arn"))
    assert sorted(logged) == sorted(groups)
    by_stage = {"Fn::FindInMap": ["Stages", {"Ref": "Stage"}, "LogDays"]}
    assert {name: group.get("RetentionInDays") for name, group in groups.items()} == dict.fromkeys(groups, by_stage)


def test_the_log_group_of_a_function_is_the_one_that_lambda_would_have_made() -> None:
    for name, function in FUNCTIONS.items():
        group = template()["Resources"][function["LoggingConfig"]["LogGroup"]["Ref"]]["Properties"]["LogGroupName"]
        assert group == {"Fn::Sub": f"/aws/lambda/{function['FunctionName']['Fn::Sub']}"}, name


def test_every_function_of_the_stack_is_named_after_its_folder() -> None:
    """As a job names it: the function of a folder is <stack>-<folder>."""
    named = {name: function["FunctionName"] for name, function in FUNCTIONS.items()}
    assert named == {name: {"Fn::Sub": f"${{AWS::StackName}}-{folder(name)}"} for name in FUNCTIONS}


def test_every_rule_and_schedule_has_a_dead_letter_queue() -> None:
    """Also those that SAM makes of a machine's Events."""
    rules = [target for rule in resources("AWS::Events::Rule").values() for target in rule["Targets"]]
    schedules = [schedule["Target"] for schedule in resources("AWS::Scheduler::Schedule").values()]
    events = [
        event["Properties"] for each in (*FUNCTIONS.values(), *MACHINES.values()) for event in each.get("Events", {}).values()
    ]
    assert [each for each in (*rules, *schedules, *events) if "DeadLetterConfig" not in each] == []


ANY_RESOURCE = {"MachinePolicy": ("logs:", "xray:")}
"""Where AWS has no other form: log delivery and traces."""


def test_no_statement_is_about_every_resource_or_every_action_but_where_aws_has_no_other_form() -> None:
    for name, statement in statements():
        actions = listed(statement["Action"])
        if "*" in listed(statement["Resource"]):
            assert all(action.startswith(ANY_RESOURCE.get(name, ())) for action in actions), (name, statement)
        if statement["Effect"] == "Allow":
            assert not [action for action in actions if "*" in action], (name, statement)


def test_no_resource_of_a_statement_reaches_beyond_the_stack_its_account_or_what_a_parameter_names() -> None:
    for name, statement in statements():
        for value in inside(statement["Resource"]):
            if isinstance(value, str) and value.startswith("arn:"):
                service = value.split(":")[2]
                assert service == "s3" or "${AWS::StackName}" in value, (name, value)


def test_functions_are_invoked_by_their_exact_arn() -> None:
    invoking = [(name, each) for name, each in statements() if "lambda:InvokeFunction" in listed(each["Action"])]
    assert {name for name, _ in invoking} >= {*MACHINES, "LambdaInvokeFunctionRights"}
    for name, statement in invoking:
        for resource in statement["Resource"]:
            exact = resource.get("Fn::GetAtt", "").endswith(".Arn") or not re.search(r"[*?]", resource.get("Fn::Sub", "*"))
            assert exact, (name, resource)


def test_a_machine_with_children_may_start_stop_and_redrive_itself_only() -> None:
    for name, machine in MACHINES.items():
        own = str(machine["Name"]["Fn::Sub"])
        reached = {
            (action, resource["Fn::Sub"].partition("${AWS::AccountId}:")[2])
            for where, statement in statements()
            if where == name
            for action in listed(statement["Action"])
            if action.startswith("states:")
            for resource in statement["Resource"]
        }
        children = {(f"states:{verb}Execution", f"execution:{own}/*") for verb in ("Describe", "Stop", "Redrive")}
        definition = json.loads((ROOT / machine["DefinitionUri"]).read_text("utf-8"))
        distributed = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"} in list(inside(definition))
        assert reached == ({("states:StartExecution", f"stateMachine:{own}"), *children} if distributed else set()), name


def test_the_run_bucket_is_encrypted_versioned_tls_only_and_not_public_and_runs_expire() -> None:
    (bucket,) = resources("AWS::S3::Bucket").values()
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    runs = bucket["LifecycleConfiguration"]["Rules"][0]
    assert (runs["Prefix"], runs["ExpirationInDays"]) == ("runs/", {"Fn::FindInMap": ["Stages", {"Ref": "Stage"}, "RunDays"]})
    (policy,) = resources("AWS::S3::BucketPolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert template()["Resources"]["RunBucket"]["DeletionPolicy"] == "Retain"


def test_what_runs_read_forever_does_not_stand_where_runs_expire() -> None:
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    places = [variables[name]["Fn::Sub"] for name in ("PORTL_RUNS", "PORTL_SPECS")]
    assert places == ["s3://${RunBucket}/runs", "s3://${RunBucket}/specs"]


def test_only_functions_that_keep_results_reach_the_run_bucket_and_only_those_that_write_files_write_files() -> None:
    policies = {name: [each.get("Ref") for each in function.get("Policies", ())] for name, function in FUNCTIONS.items()}
    without = {name for name, found in policies.items() if "RunsPolicy" not in found}
    writing = {name for name, found in policies.items() if "OutgoingFilesPolicy" in found}
    assert without == {"OutboxDrainFunction", "IngestorFunction", "FeedFunction"}
    assert writing == {f"{name}Function" for name in ("StoreCopy", "StoreMove", "StoreDelete", "StoreSign", "FileWrite")}


def test_exactly_the_functions_that_open_databases_run_in_the_vpc_and_log_in_by_iam() -> None:
    wanted = {f"{name}Function" for name in DATABASES}
    login = {"Fn::If": ["LogsInByIam", {"Ref": "DatabasePolicy"}, {"Ref": "AWS::NoValue"}]}
    assert {name for name, function in FUNCTIONS.items() if "VpcConfig" in function} == wanted
    assert {name for name, function in FUNCTIONS.items() if login in function.get("Policies", ())} == wanted


def test_the_vpc_has_the_endpoints_that_these_functions_need() -> None:
    services = {
        endpoint["ServiceName"]["Fn::Sub"].rpartition(".")[2] for endpoint in resources("AWS::EC2::VPCEndpoint").values()
    }
    assert services == {"s3", "secretsmanager", "ssm"}


def test_every_function_of_portl_is_watched_for_errors_and_throttles_and_every_machine_for_failed_runs() -> None:
    watched: dict[str, set[str]] = {}
    for alarm in resources("AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]
        for value in inside(alarm.get("Metrics", [])):
            if isinstance(value, dict) and "MetricName" in value:
                watched.setdefault(value["MetricName"], set()).add(value["Dimensions"][0]["Value"]["Ref"])
    own = {name for name in FUNCTIONS if folder(name) not in ("ingestor", "feed")}
    assert (watched["Errors"], watched["Throttles"]) == (own, own)
    assert (watched["ExecutionsFailed"], watched["ExecutionsTimedOut"]) == (set(MACHINES), set(MACHINES))


def test_no_alarm_adds_up_more_metrics_than_cloudwatch_allows() -> None:
    """10: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html."""
    for name, alarm in resources("AWS::CloudWatch::Alarm").items():
        assert sum("MetricStat" in each for each in alarm.get("Metrics", ())) <= 10, name


def test_dead_letters_are_an_alarm_on_the_metric_that_functions_tell() -> None:
    alarm = resources("AWS::CloudWatch::Alarm")["DeadLettersWait"]
    (dimension,) = alarm["Dimensions"]
    assert (alarm["Namespace"], alarm["MetricName"], dimension["Name"]) == ("Portl", "DeadLetters", "stack")


def test_functions_run_on_one_machine_with_the_layers_of_that_machine() -> None:
    layers = resources("AWS::Serverless::LayerVersion")
    assert {name: layer["CompatibleArchitectures"] for name, layer in layers.items()} == {
        name: ["arm64" if name.endswith("Arm64") else "x86_64"] for name in layers
    }
    assert template()["Globals"]["Function"]["Architectures"] == [{"Ref": "Architecture"}]
    for each in (template()["Globals"]["Function"], *FUNCTIONS.values()):
        for layer in each.get("Layers", ()):
            condition, arm, other = layer["Fn::If"]
            assert (condition, arm["Ref"]) == ("Arm64", f"{other['Ref']}Arm64")


def test_functions_bring_nothing_of_their_own_and_run_on_python_3_13() -> None:
    assert template()["Globals"]["Function"]["Runtime"] == "python3.13"
    bodies = [body for body in template()["Resources"].values() if body["Type"] == "AWS::Serverless::Function"]
    assert {str(body["Metadata"]) for body in bodies} == {"{'SkipBuild': True}"}
    assert list((ROOT / "functions").glob("*/requirements.txt")) == []


def test_a_local_run_is_told_nothing_that_only_a_deployment_knows() -> None:
    """Metrics would be printed, and values be looked for on AWS."""
    found = [dict(function.environment) for function in load_template(ROOT / "template.yaml").functions.values()]
    assert found == [{}] * len(found)


def test_the_block_of_portl_build_is_the_only_part_that_depends_on_jobs() -> None:
    text = (ROOT / "template.yaml").read_text("utf-8")
    outside = text.partition(BEGIN)[0] + text.partition(END)[2]
    assert [
        path.parent.name
        for path in (ROOT / "statemachines").glob("*/job.yaml")
        if f"statemachines/{path.parent.name}" in outside
    ] == []
