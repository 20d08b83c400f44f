"""What a user reads when a service refuses: a sentence for each cause, with the field to correct, and no XML."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from portl.errors import ConfigError, PermissionDenied, StoreError, Unavailable
from portl.stores import NO_RETRY, S3Spec, Store, open_store, said_of
from stores.backends import s3_spec

CALLS = {
    "list": lambda store: list(store.list("")),
    "read": lambda store: store.read("a"),
    "write": lambda store: store.write("a", b"x"),
    "begin": lambda store: store.write("a", iter([b"x" * 20_000_000])),
}


def failing(store: Store, call: str) -> StoreError:
    with pytest.raises(StoreError) as caught:
        CALLS[call](store)
    return caught.value


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.mark.parametrize("call", CALLS)
def test_a_bucket_that_is_not_there_is_told_with_its_name_and_its_field(call: str) -> None:
    found = failing(open_store(s3_spec().model_copy(update={"bucket": "never-made"}), retry=NO_RETRY), call)
    told = (type(found), found.message, found.hint)
    assert told == (ConfigError, "the bucket never-made is not there", "make it, or correct `bucket`")
    assert str(said_of(found, "lake:")).startswith("F110 lake: the bucket never-made is not there")


@pytest.mark.parametrize("call", CALLS)
def test_a_closed_port_and_a_host_that_does_not_resolve_are_told_apart(call: str, closed_port: int) -> None:
    def told(endpoint: str) -> tuple[Any, str, str]:
        spec = s3_spec().model_copy(update={"endpoint": endpoint})
        found = failing(open_store(spec, retry=NO_RETRY), call)
        return type(found), found.message, found.hint

    closed = "the store could not be reached: nobody listens at its address"
    assert told(f"http://127.0.0.1:{closed_port}") == (Unavailable, closed, "is the service up, and the port right?")
    unknown = "the host of the store does not resolve"
    hint = "correct `endpoint` or `host`, or look at the name server"
    assert told("http://nowhere.invalid") == (Unavailable, unknown, hint)


class Refusing:
    """A service that answers every call with one code."""

    def __init__(self, code: str) -> None:
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
        from threading import Thread

        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>library text</Message></Error>".encode()

        class Answers(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(403)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815 - as http.server calls them

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        Thread(target=self.server.serve_forever, daemon=True).start()

    def store(self) -> Store:
        fields = {"access_key_id": "AKIA", "secret_access_key": SecretStr("no"), "region": "eu-central-1"}
        endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        return open_store(S3Spec(type="s3", bucket="lake", endpoint=endpoint, **fields), retry=NO_RETRY)  # type: ignore[arg-type]


@pytest.fixture
def refusing() -> Iterator[Any]:
    made: list[Refusing] = []

    def make(code: str) -> Store:
        made.append(Refusing(code))
        return made[-1].store()

    yield make
    for each in made:
        each.server.shutdown()
        each.server.server_close()


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("code", "said", "way_out"),
    [
        ("InvalidAccessKeyId", "the service does not know the access key", "`access_key_id`"),
        ("SignatureDoesNotMatch", "the secret key does not fit the access key", "`secret_access_key`"),
        ("ExpiredToken", "the session token has expired", "new credentials"),
        ("AccessDenied", "the credentials do not allow it (AccessDenied)", "policy"),
    ],
)
def test_each_way_in_which_keys_are_wrong_is_told_by_itself(
    refusing: Any, call: str, code: str, said: str, way_out: str
) -> None:
    found = failing(refusing(code), call)
    assert type(found) is PermissionDenied
    assert said in found.message
    assert way_out in found.hint
    assert [word for word in ("library", "<", "http", "owner and mode") if word in f"{found.message} {found.hint}"] == []


def test_a_refusal_without_a_body_says_the_status_and_nothing_of_owner_and_mode(refusing: Any) -> None:
    with pytest.raises(PermissionDenied) as caught:
        refusing("AccessDenied").stat("a")
    assert (caught.value.message, caught.value.hint) == (
        "a: the service refused it (403)",
        "check the keys, and what their policy allows",
    )


@pytest.mark.parametrize("call", ["read", "list"])
def test_that_there_are_no_credentials_is_told_and_not_where_they_were_looked_for(
    call: str, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    spec = S3Spec(type="s3", bucket="lake", region="eu-central-1", endpoint=f"http://127.0.0.1:{closed_port}", timeout_s=2)
    found = failing(open_store(spec, retry=NO_RETRY), call)
    assert found.message == "no credentials were found"
    assert "AWS_ACCESS_KEY_ID" in found.hint


def test_an_endpoint_without_a_scheme_is_told_in_words() -> None:
    with pytest.raises(ConfigError) as caught:
        open_store({"type": "s3", "bucket": "lake", "endpoint": "minio:9000"})
    assert caught.value.message == "the connection of a store is wrong: endpoint: it begins with http:// or https://"
