"""``portl store check``: which stores can be used, and what is wrong with the others."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from commands.stores_lab import KINDS, Lab, contents
from flows.support import portl
from portl.stores import Store
from stores.backends import s3_spec
from stores.sftp_server import SftpServer, start_sftp_server

CANARY = "c4n4ry-7f3a-secret"


class ReadOnly(asyncssh.SFTPServer):
    """Lets nobody write."""

    def open(self, path: bytes, pflags: int, attrs: Any) -> object:
        if pflags & asyncssh.FXF_WRITE:
            raise asyncssh.SFTPPermissionDenied("read only")
        return super().open(path, pflags, attrs)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture(scope="module")
def read_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    server = start_sftp_server(tmp_path_factory.mktemp("read-only"), ReadOnly)
    yield server
    server.cut()


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def checked(lab: Lab, *arguments: str, code: int) -> dict[str, dict[str, Any]]:
    """What was found of each store, but for the time it took and where it is."""
    found = lab.documents("check", *arguments, code=code)
    assert all(each.pop("seconds") >= 0 for each in found)
    return {each["store"]: {name: each[name] for name in ("reachable", "readable", "writable", "wrong")} for each in found}


def fine(*, writable: bool | None) -> dict[str, Any]:
    return {"reachable": True, "readable": True, "writable": writable, "wrong": []}


@pytest.mark.parametrize("content", [b"a\n", b"", None], ids=["a file", "an empty file", "nothing"])
def test_stores_that_can_be_used_are_told_and_nothing_is_written_unless_it_was_asked_for(
    lab: Lab, content: bytes | None
) -> None:
    stores: dict[str, Store] = {kind: lab.add(kind, kind) for kind in KINDS}
    for store in stores.values():
        store.write("probe/a.csv", b"a\n")
        store.delete("probe/a.csv")
        if content is not None:
            store.write("a.csv", content)
    before = {kind: contents(store) for kind, store in stores.items()}
    assert checked(lab, code=0) == {kind: fine(writable=None) for kind in KINDS}
    assert checked(lab, "--write", code=0) == {kind: fine(writable=True) for kind in KINDS}
    assert {kind: contents(store) for kind, store in stores.items()} == before


def test_each_store_is_one_line_and_what_is_wrong_is_one_more(lab: Lab) -> None:
    lab.add("lake", "local").write("a.csv", b"a\n")
    lab.declare("gone", {"type": "local", "root": "gone"})
    lab.declare("later", {"type": "s3", "bucket": "${env:NEVER_SET}"})
    ended = lab.run("check", "--write")
    root = lab.folder.resolve()
    assert (ended.code, ended.err) == (3, "")
    assert re.sub(r"\d+\.\d\d s", "N s", ended.out) == (
        f"gone  {root}/gone  reachable, not readable  N s\n"
        f"  F101 the folder {root}/gone is not there; make it, or look whether root is spelt right; "
        "the first write would make it too\n"
        f"lake  {root}/stores/lake  reachable, readable, writable  N s\n"
        "later  s3  not opened  N s\n"
        "  V101 ${env:NEVER_SET} has no value; set the environment variable NEVER_SET\n"
    )
    assert not (root / "gone").exists()


def test_one_store_can_be_checked_by_its_name(lab: Lab) -> None:
    lab.add("lake", "local")
    lab.declare("gone", {"type": "local", "root": "gone"})
    assert checked(lab, "lake", code=0) == {"lake": fine(writable=None)}
    assert set(checked(lab, "lake:", "gone", code=3)) == {"lake", "gone"}
    ended = lab.run("check", "laek")
    assert (ended.code, 'there is no store "laek"' in ended.err) == (2, True)


def test_a_variable_that_fits_no_store_is_told_and_is_no_failure(lab: Lab) -> None:
    lab.add("lake", "local")
    lab.variables |= {"PORTL_STORE_LAEK__ROOT": CANARY, "PORTL_STORE_FARAWAY__ROOT": CANARY, "PORTL_STORE_LAKE__DURABLE": "no"}
    ended = lab.run("check")
    assert ended.code == 0, ended.err
    assert ended.err.splitlines() == [
        "PORTL_STORE_FARAWAY__ROOT fits no store that is known here",
        "PORTL_STORE_LAEK__ROOT fits no store that is known here; did you mean PORTL_STORE_LAKE__ROOT?",
    ]


def test_a_misspelt_variable_ends_a_command_and_a_run_in_three(lab: Lab) -> None:
    lab.add("lake", "local").write("a.csv", b"a\n")
    job = "version: 2\njob: look\nsteps:\n  - {id: there, type: store.exists, path: 'lake:a.csv'}\n"
    lab.put("statemachines/look/job.yaml", job.encode())
    lab.variables["PORTL_STORE_LAKE__ROOTS"] = "elsewhere"
    said = "V105 PORTL_STORE_LAKE__ROOTS names a field that the store does not have"
    ended = portl(lab.folder, "run", "statemachines/look/job.yaml", "--host", "inline", **lab.variables)
    for each in (lab.run("ls", "lake:"), ended):
        assert (each.code, each.out) == (3, "")
        assert f"{said}\n  did you mean PORTL_STORE_LAKE__ROOT?\n" in each.err


def test_a_project_without_stores_is_not_told_to_be_well(lab: Lab) -> None:
    ended = lab.run("check")
    assert (ended.code, ended.out) == (2, "")
    assert "none is declared" in ended.err


def test_why_a_store_cannot_be_used_is_told_and_no_secret_with_it(lab: Lab, closed_port: int, read_only: SftpServer) -> None:
    lab.add("well", "sftp").write("a.csv", b"a\n")
    well, bucket = lab.declared["well"], s3_spec().model_dump(mode="json", include={"endpoint", "region", "access_key_id"})
    lab.variables["PORTL_SECRET_CANARY"] = CANARY
    lab.variables["PORTL_STORE_TEXT__PORT"] = CANARY
    lab.declare("bucket", {"type": "s3", "bucket": "not-there-at-all", **bucket, "secret_access_key": "${secret:canary}"})
    lab.declare("closed", {**well, "port": closed_port, "password": "${secret:canary}"})
    lab.declare("password", {**well, "password": "${secret:canary}"})
    lab.declare("read_only", {**well, "port": read_only.port, "host_key": read_only.host_key, "root": ""})
    lab.declare("stranger", {**well, "host_key": read_only.host_key})
    lab.declare("text", well)
    ended = lab.run("check", "--write", "--json")
    assert CANARY not in ended.out + ended.err
    found = checked(lab, "--write", code=3)
    codes = {name: [each.split()[0] for each in told["wrong"]] for name, told in found.items()}
    assert codes == {
        "bucket": ["F110"],
        "closed": ["F113"],
        "password": ["F103"],
        "read_only": ["F103"],
        "stranger": ["F110"],
        "text": ["V104"],
        "well": [],
    }
    assert all("\n" not in each for told in found.values() for each in told["wrong"])
    assert (found["read_only"]["readable"], found["read_only"]["writable"]) == (True, False)
    assert [found[name]["reachable"] for name in ("bucket", "closed", "stranger", "text")] == [False, False, False, None]
    assert "port: " in found["text"]["wrong"][0]


@pytest.mark.parametrize(
    "arguments",
    [("ls", "lake:"), ("cp", "in.csv", "lake:"), ("cat", "lake:a.csv"), ("rm", "lake:a.csv"), ("mv", "lake:a", "x")],
)
@pytest.mark.parametrize("wrong", ["password", "port"])
def test_a_command_on_a_store_that_cannot_be_used_ends_in_three_and_shows_no_secret(
    lab: Lab, arguments: tuple[str, ...], wrong: str
) -> None:
    lab.put("in.csv", b"a\n")
    lab.add("lake", "sftp")
    variable = "PORTL_SECRET_LAKE" if wrong == "password" else "PORTL_STORE_LAKE__PORT"
    lab.variables[variable] = CANARY
    ended = lab.run(*arguments)
    assert (ended.code, ended.out, CANARY in ended.err) == (3, "", False)
    assert ended.err.startswith("F103" if wrong == "password" else "V104 the connection lake is wrong: port: ")
    assert "Traceback" not in ended.err
