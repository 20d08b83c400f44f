"""What ``${env:X}`` and ``${secret:x/y}`` become, and that what is secret is never shown afterwards."""

import boto3
import pytest
from moto import mock_aws

from portl.connections import Connections, resolve, secret_variable, variables
from portl.errors import MissingVariable
from portl.values import redact

STACK = "shop"


@pytest.fixture
def aws(monkeypatch):
    for name, value in {
        "AWS_LAMBDA_FUNCTION_NAME": "shop-runner",
        "PORTL_STACK": STACK,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield


def missing(value):
    with pytest.raises(MissingVariable) as caught:
        resolve(value)
    return caught.value.code, caught.value.message, caught.value.hint


def advice(variable):
    return f"set the environment variable {variable}"


def test_every_mark_in_a_tree_is_replaced_and_all_else_stays(monkeypatch):
    monkeypatch.setenv("CONN_HOST", "db.example.com")
    monkeypatch.setenv("PORTL_SECRET_NOTIFY_TOKEN", "tok-4711-tree")
    value = {"a": ["${env:CONN_HOST}:${env:CONN_HOST}", 1, None, True], "b": {"c": "Bearer ${secret:notify/token}"}, "d": "$5"}
    assert resolve(value) == {
        "a": ["db.example.com:db.example.com", 1, None, True],
        "b": {"c": "Bearer tok-4711-tree"},
        "d": "$5",
    }


def test_what_a_variable_holds_is_not_resolved_again(monkeypatch):
    monkeypatch.setenv("CONN_OUTER", "${env:CONN_INNER}")
    monkeypatch.setenv("CONN_INNER", "inner")
    assert resolve("${env:CONN_OUTER}") == "${env:CONN_INNER}"


@pytest.mark.parametrize("state", ["unset", "empty"])
@pytest.mark.parametrize(
    ("mark", "variable"),
    [("${env:CONN_NONE}", "CONN_NONE"), ("${secret:conn/no-ne}", "PORTL_SECRET_CONN_NO_NE")],
)
def test_a_variable_without_a_value_is_refused_by_name(monkeypatch, state, mark, variable):
    if state == "empty":
        monkeypatch.setenv(variable, "")
    else:
        monkeypatch.delenv(variable, raising=False)
    assert missing({"url": [mark]}) == ("V101", f"{mark} has no value", advice(variable))


def test_a_connection_whose_variable_is_missing_is_refused_when_it_is_opened_and_not_before(monkeypatch):
    monkeypatch.delenv("CONN_NONE", raising=False)
    connections = Connections({"shop": {"type": "http", "base_url": "${env:CONN_NONE}"}})
    with connections, pytest.raises(MissingVariable, match="CONN_NONE"):
        connections.get("shop")


def test_a_secret_is_masked_once_it_was_resolved(monkeypatch):
    monkeypatch.setenv("PORTL_SECRET_CONN_MASKED", "s3cr3t-masked-one")
    assert redact("key s3cr3t-masked-one") == "key s3cr3t-masked-one"
    resolve({"key": "${secret:conn/masked}"})
    assert redact({"text": "key s3cr3t-masked-one"}) == {"text": "key ***"}


def test_the_password_of_a_url_is_masked_as_it_is_written_and_as_it_is_meant(monkeypatch):
    monkeypatch.setenv("CONN_URL", "postgresql://eve:p%40ss-w%2Frd-url@db.example.com/shop")
    url = resolve("${env:CONN_URL}")
    assert url == "postgresql://eve:p%40ss-w%2Frd-url@db.example.com/shop"
    assert redact([url, "tried p@ss-w/rd-url"]) == ["postgresql://eve:***@db.example.com/shop", "tried ***"]


def test_a_plain_variable_is_not_masked(monkeypatch):
    monkeypatch.setenv("CONN_PLAIN", "region-of-no-secret")
    resolve("${env:CONN_PLAIN}")
    assert redact("in region-of-no-secret") == "in region-of-no-secret"


def test_variables_names_every_mark_of_a_tree_in_its_order():
    value = {"a": "${env:A}-${secret:b/c}", "d": [1, {"e": "${env:A}"}, "env:F", None], "${env:KEY}": "x"}
    assert list(variables(value)) == [("env", "A"), ("secret", "b/c"), ("env", "A")]


def test_a_secret_has_a_variable_of_capitals_and_underscores():
    assert [secret_variable(name) for name in ("notify/token", "a-b.c/D1")] == [
        "PORTL_SECRET_NOTIFY_TOKEN",
        "PORTL_SECRET_A_B_C_D1",
    ]


def test_on_aws_env_is_a_parameter_and_secret_a_secret_of_the_stack(aws):
    boto3.client("ssm").put_parameter(Name="/shop/env/AWS_FIRST", Value="from-ssm", Type="SecureString")
    boto3.client("secretsmanager").create_secret(Name="shop/aws/first", SecretString="from-secrets-manager")
    assert resolve(["${env:AWS_FIRST}", "${secret:aws/first}"]) == ["from-ssm", "from-secrets-manager"]
    assert redact(["from-ssm", "from-secrets-manager"]) == ["from-ssm", "***"]


def test_on_aws_a_variable_of_the_function_comes_first(aws, monkeypatch):
    monkeypatch.setenv("AWS_SECOND", "from-the-function")
    boto3.client("ssm").put_parameter(Name="/shop/env/AWS_SECOND", Value="from-ssm", Type="String")
    assert resolve("${env:AWS_SECOND}") == "from-the-function"


def test_on_aws_what_was_read_is_kept_for_the_next_step(aws):
    client = boto3.client("secretsmanager")
    client.create_secret(Name="shop/aws/kept", SecretString="kept-at-first")
    assert resolve("${secret:aws/kept}") == "kept-at-first"
    client.put_secret_value(SecretId="shop/aws/kept", SecretString="changed-later")
    assert resolve("${secret:aws/kept}") == "kept-at-first"


@pytest.mark.parametrize(
    ("mark", "variable"),
    [("${env:AWS_NOWHERE}", "AWS_NOWHERE"), ("${secret:aws/nowhere}", "PORTL_SECRET_AWS_NOWHERE")],
)
def test_on_aws_what_is_in_no_store_is_refused_by_name(aws, mark, variable):
    assert missing(mark) == ("V101", f"{mark} has no value", advice(variable))


def test_off_aws_no_store_is_asked(aws, monkeypatch):
    boto3.client("ssm").put_parameter(Name="/shop/env/AWS_OFF", Value="from-ssm", Type="String")
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME")
    assert missing("${env:AWS_OFF}") == ("V101", "${env:AWS_OFF} has no value", advice("AWS_OFF"))
