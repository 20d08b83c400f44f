"""Logging in to RDS by IAM: the password is a signed request, made here."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from portl.connections import PostgresSpec
from portl.connections._postgres import PostgresConnection, _password, parse_url
from portl.connections._rds import password_of_iam
from portl.errors import DatabaseError
from portl.values import redact

HOST = "db.cluster-abc.eu-west-1.rds.amazonaws.com"


@pytest.fixture
def role(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "eu-west-1"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)


def test_the_password_is_a_request_signed_for_this_user_and_server_that_holds_for_15_minutes(role: None) -> None:
    signed = urlsplit(f"https://{password_of_iam(HOST, 5432, 'portl')}")
    query = {name: values[0] for name, values in parse_qs(signed.query).items()}
    assert (signed.hostname, signed.port) == (HOST, 5432)
    told = {name: query[name] for name in ("Action", "DBUser", "X-Amz-Expires", "X-Amz-SignedHeaders")}
    assert told == {"Action": "connect", "DBUser": "portl", "X-Amz-Expires": "900", "X-Amz-SignedHeaders": "host"}
    assert query["X-Amz-Credential"].endswith("/eu-west-1/rds-db/aws4_request")


def test_without_credentials_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(DatabaseError, match="no login by IAM") as raised:
        password_of_iam(HOST, 5432, "portl")
    assert raised.value.code == "D101"


def test_the_signature_is_masked_wherever_it_is_shown(role: None) -> None:
    password = password_of_iam(HOST, 5432, "portl")
    signature = parse_qs(urlsplit(f"https://{password}").query)["X-Amz-Signature"][0]
    assert signature not in redact(f"refused: {password}")


@pytest.mark.parametrize(("option", "signed"), [("login=iam", True), ("login=password", False), ("sslmode=require", False)])
def test_a_url_that_says_so_logs_in_with_that_password(role: None, option: str, signed: bool) -> None:
    password = _password(parse_url(f"postgresql://portl:word@{HOST}/orders?{option}"))
    assert (password == "word", "X-Amz-Signature=" in str(password)) == (not signed, signed)


@pytest.mark.postgres
def test_the_server_is_given_that_password_and_not_the_one_of_the_url(role: None, postgres_url: str) -> None:
    """The embedded server knows the url's password and no other."""
    url = postgres_url + ("&" if "?" in postgres_url else "?") + "login=iam"
    with pytest.raises(DatabaseError) as raised:
        PostgresConnection("db", PostgresSpec(type="postgres", url=url))
    assert raised.value.code == "D107"
