"""`portl doctor` says what is in the way of a job on this machine, of what kind it is, and how to mend it (jobs.md C3)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from flows.support import Ended, portl
from stores.sftp_server import PASSWORD, SftpServer, start_sftp_server

JOB = """\
version: 2
job: look
connections:
  db: {type: postgres, url: "${env:LOOK_DB}"}
  api: {type: http, base_url: "${env:LOOK_API}", headers: {Authorization: "Bearer ${secret:look/token}"}}
  fn: {type: lambda, function: "f.py:go"}
  lake: {type: local, root: "${env:LOOK_LAKE}"}
steps:
  - {id: look, type: api.call, connection: api, path: /x}
  - {id: call, type: lambda.invoke, connection: fn, payload: {}}
  - {id: list, type: store.list, path: "lake:"}
  - id: keep
    type: db.insert
    batch: {from: "{{ steps.list.rows }}", as: f}
    table: looks
    mapping: {n: "{{ idx }}"}
"""
TOKEN = "planted-doctor-token"


class Answering(BaseHTTPRequestHandler):
    """Answers every request as the server's ``told`` says: status, body, seconds that its clock is off."""

    def do_HEAD(self) -> None:
        status, body, off = self.server.told  # type: ignore[attr-defined]
        self.server.seen.append((self.command, self.path, self.headers.get("Authorization")))  # type: ignore[attr-defined]
        self.send_response_only(status)
        self.send_header("Date", formatdate(time() + off, usegmt=True))
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "POST":
            self.wfile.write(body)

    do_POST = do_HEAD  # noqa: N815 - the name http.server looks for

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Any]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.told, server.seen = (404, b"", 0), []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def address(api: Any) -> str:
    return f"http://127.0.0.1:{api.server_address[1]}"


@pytest.fixture
def doctor(tmp_path: Path, postgres_url: str, api: Any) -> Any:
    """Runs the command on a job whose surroundings are well, but for what is told; answers its end and its findings."""
    folder = tmp_path / "statemachines" / "look"
    folder.mkdir(parents=True)
    (folder / "job.yaml").write_text(JOB, "utf-8")
    (folder / "f.py").write_text("def go(event, _):\n    return {}\n", "utf-8")
    (tmp_path / "lake").mkdir()
    well = {
        "LOOK_DB": postgres_url,
        "LOOK_API": address(api),
        "LOOK_LAKE": str(tmp_path / "lake"),
        "PORTL_SECRET_LOOK_TOKEN": TOKEN,
    }

    def go(*options: str, **told: str) -> tuple[int, list[dict[str, Any]]]:
        ended = portl(tmp_path, "doctor", "statemachines/look/job.yaml", "--no-server", "--json", *options, **{**well, **told})
        assert "Traceback" not in ended.err
        assert not [value for value in (TOKEN, urlsplit(postgres_url).password) if value and value in ended.out + ended.err]
        document = json.loads(ended.out)
        assert document["exit"] == ended.code
        return ended.code, [each for each in document["checks"] if each["state"] != "ok"]

    return go


def failures(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(each["what"], each["kind"]) for each in found if each["state"] == "fail"]


def test_all_is_well_and_each_connection_had_one_call(doctor: Any, query: Any, api: Any) -> None:
    query("CREATE TABLE looks (n int)")
    assert doctor() == (0, [])
    assert api.seen == [("HEAD", "/", f"Bearer {TOKEN}")]
    assert query("SELECT count(*) FROM looks") == [(0,)]


def test_a_variable_that_is_missing_is_configuration_and_named_with_how_to_set_it(doctor: Any) -> None:
    code, found = doctor(LOOK_DB="", PORTL_SECRET_LOOK_TOKEN="")
    assert (code, failures(found)) == (1, [("job look", "configuration")])
    assert found[0]["said"] == "is right; not set, or empty: LOOK_DB, PORTL_SECRET_LOOK_TOKEN"
    assert found[0]["mend"] == "export LOOK_DB=… PORTL_SECRET_LOOK_TOKEN=…"


def test_a_wrong_password_is_authentication_and_not_shown(doctor: Any, postgres_url: str) -> None:
    parts = urlsplit(postgres_url)
    wrong = parts._replace(netloc=f"{parts.username}:planted-wrong@{parts.hostname}:{parts.port}").geturl()
    code, found = doctor(LOOK_DB=wrong)
    assert (code, failures(found)) == (2, [("db (postgres)", "authentication")])
    assert "planted-wrong" not in json.dumps(found)


def test_a_database_that_is_not_there_is_configuration(doctor: Any, postgres_url: str) -> None:
    code, found = doctor(LOOK_DB=postgres_url + "_nowhere")
    assert (code, failures(found)) == (1, [("db (postgres)", "configuration")])


@pytest.mark.parametrize("name", ["LOOK_DB", "LOOK_API"])
def test_a_port_where_nobody_listens_is_network(doctor: Any, query: Any, name: str) -> None:
    query("CREATE TABLE looks (n int)")
    told = {"LOOK_DB": "postgresql://u:p@127.0.0.1:1/d", "LOOK_API": "http://127.0.0.1:1"}[name]
    what = {"LOOK_DB": "db (postgres)", "LOOK_API": "api (http)"}[name]
    code, found = doctor(**{name: told})
    assert (code, failures(found)) == (3, [(what, "network")])


def test_a_role_without_the_right_that_a_step_takes_is_permission_with_the_grant(
    doctor: Any, query: Any, postgres_url: str
) -> None:
    query("CREATE TABLE looks (n int)")
    query("CREATE ROLE looker LOGIN PASSWORD 'planted'")
    query("GRANT SELECT ON looks TO looker")
    parts = urlsplit(postgres_url)
    as_looker = parts._replace(netloc=f"looker:planted@{parts.hostname}:{parts.port}").geturl()
    code, found = doctor(LOOK_DB=as_looker)
    assert (code, failures(found)) == (4, [("db (postgres)", "permission")])
    assert (found[0]["said"], found[0]["mend"]) == ("the user may not INSERT in looks", "GRANT INSERT ON looks TO the user")
    query("GRANT INSERT ON looks TO looker")
    assert doctor(LOOK_DB=as_looker) == (0, [])


def test_a_table_that_is_not_there_yet_is_a_warning(doctor: Any) -> None:
    code, found = doctor()
    assert (code, [(each["state"], each["said"]) for each in found]) == (0, [("warn", "there is no table looks")])


@pytest.mark.parametrize(
    ("status", "code", "state"), [(401, 2, "fail"), (403, 4, "fail"), (503, 0, "warn"), (405, 0, None), (302, 0, None)]
)
def test_what_an_api_answers_tells_whether_who_asks_is_known_and_allowed(
    doctor: Any, query: Any, api: Any, status: int, code: int, state: str | None
) -> None:
    query("CREATE TABLE looks (n int)")
    api.told = (status, b"", 0)
    ended, found = doctor()
    assert (ended, [each["state"] for each in found]) == (code, [state] if state else [])


@pytest.mark.parametrize(("off", "code", "state"), [(-3600, 1, "fail"), (3600, 1, "fail"), (90, 0, "warn"), (5, 0, None)])
def test_a_clock_that_is_off_is_told_by_how_much(
    doctor: Any, query: Any, api: Any, off: int, code: int, state: str | None
) -> None:
    query("CREATE TABLE looks (n int)")
    api.told = (200, b"", off)
    ended, found = doctor()
    assert (ended, [(each["what"], each["state"]) for each in found]) == (code, [("clock", state)] if state else [])
    assert all(("behind" if off > 0 else "ahead of") in each["said"] for each in found)


def test_a_function_and_a_folder_that_are_not_there_are_configuration(doctor: Any, query: Any, tmp_path: Path) -> None:
    query("CREATE TABLE looks (n int)")
    (tmp_path / "statemachines" / "look" / "f.py").unlink()
    code, found = doctor(LOOK_LAKE=str(tmp_path / "f" / "\x7f"))
    assert (code, failures(found)[0]) == (1, ("fn (lambda)", "configuration"))


STORE = """\
version: 2
job: look
connections:
  files: {type: sftp, host: 127.0.0.1, port: PORT, user: tester, host_key: "HOST_KEY", password: "${secret:files}", ROOT}
steps:
  - {id: list, type: store.list, path: "files:"}
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> SftpServer:
    server = start_sftp_server(tmp_path_factory.mktemp("sftp"))
    (server.root / "there").mkdir()
    return server


@pytest.mark.parametrize(
    ("password", "port", "code", "kind"),
    [(PASSWORD, 0, 0, None), ("planted-wrong", 0, 2, "authentication"), (PASSWORD, 1, 3, "network")],
    ids=["well", "wrong password", "closed port"],
)
def test_a_store_is_listed_and_what_is_in_the_way_is_sorted(
    tmp_path: Path, doctor: Any, files: SftpServer, password: str, port: int, code: int, kind: str | None
) -> None:
    text = STORE.replace("PORT", str(port or files.port)).replace("HOST_KEY", files.host_key).replace("ROOT", "root: /there")
    (tmp_path / "statemachines" / "look" / "job.yaml").write_text(text, "utf-8")
    ended, found = doctor(PORTL_SECRET_FILES=password)
    assert (ended, failures(found)) == (code, [("files (sftp)", kind)] if kind else [])
    assert "planted-wrong" not in json.dumps(found)


def test_a_job_that_is_wrong_is_told_with_its_first_finding(tmp_path: Path, doctor: Any) -> None:
    file = tmp_path / "statemachines" / "look" / "job.yaml"
    file.write_text(JOB.replace("type: api.call", "type: api.cal"), "utf-8")
    code, found = doctor()
    assert (code, found[0]["mend"]) == (1, "portl check statemachines/look/job.yaml")
    assert "J005" in found[0]["said"]


def identity(tmp_path: Path, url: str, **more: str) -> Ended:
    keys = {"AWS_ACCESS_KEY_ID": "AKIAPLANTED", "AWS_SECRET_ACCESS_KEY": "planted-aws-key", "AWS_REGION": "eu-central-1"}
    told = {**keys, "AWS_DEFAULT_REGION": "eu-central-1", "AWS_ENDPOINT_URL": url, "AWS_EC2_METADATA_DISABLED": "true", **more}
    return portl(tmp_path, "doctor", "--no-server", "--aws", **told)


WHO = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/ann</Arn><UserId>A</UserId><Account>123456789012</Account>
</GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>"""
NOT_KNOWN = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>CODE</Code>
<Message>told so</Message></Error><RequestId>r</RequestId></ErrorResponse>"""


def test_who_this_is_to_aws_is_asked_for_and_told(tmp_path: Path, api: Any) -> None:
    api.told = (200, WHO.encode(), 0)
    ended = identity(tmp_path, address(api))
    assert (ended.code, "ok    aws  arn:aws:iam::123456789012:user/ann" in ended.out) == (0, True), ended.out


@pytest.mark.parametrize(("said", "code"), [("InvalidClientTokenId", 2), ("ExpiredToken", 2), ("AccessDenied", 4)])
def test_what_aws_refuses_is_authentication_or_permission(tmp_path: Path, api: Any, said: str, code: int) -> None:
    api.told = (403, NOT_KNOWN.replace("CODE", said).encode(), 0)
    ended = identity(tmp_path, address(api))
    assert (ended.code, f"fail  aws  {said}: told so" in ended.out) == (code, True), ended.out
    assert "planted-aws-key" not in ended.out + ended.err


def test_aws_out_of_reach_is_network_and_no_keys_at_all_are_authentication(tmp_path: Path) -> None:
    assert identity(tmp_path, "http://127.0.0.1:1").code == 3
    files = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"), "AWS_CONFIG_FILE": str(tmp_path / "none")}
    keys = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    assert identity(tmp_path, "http://127.0.0.1:1", **files, **keys).code == 2


def test_without_a_job_those_of_the_project_are_looked_at_and_the_embedded_server_is_tried(tmp_path: Path, doctor: Any) -> None:
    ended = portl(tmp_path, "doctor")
    assert ended.code == 1
    lines = [line.split("  ")[:1] + line[6:].split("  ")[:1] for line in ended.out.splitlines() if not line.startswith(" ")]
    assert lines == [
        ["ok", "python"],
        ["ok", "dependencies"],
        ["ok", "embedded server"],
        ["fail", "job look"],
        ["ok", "fn (lambda)"],
    ], ended.out


def test_an_embedded_server_that_cannot_start_says_so(tmp_path: Path) -> None:
    ended = portl(tmp_path, "doctor", PORTL_PG_BIN=str(tmp_path))
    assert (ended.code, "fail  embedded server  V1" in ended.out) == (1, True), ended.out
