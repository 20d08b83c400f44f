"""Every function answers its event under the runtime interface emulator that ships inside SAM, from the built layers (V3b).

The emulator takes one invocation at a time: it dies of two. `make check-sam` runs this.
"""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from bundle.lambda_api import lambda_api
from bundle.test_events import ANSWERS, FOLDERS, FOLLOWS, event, machine_of_the_event, shown
from bundle.test_sam import TOOLS, built, python313
from conftest import connect
from flows.support import ROOT, load_function
from portl_cli.embedded import Peer
from portl_cli.engine import FakeHost, Function, load_template

__all__ = ["built", "python313"]  # fixtures that are shared
pytestmark = [pytest.mark.sam, pytest.mark.long, pytest.mark.postgres]
START_S = 60


def emulator() -> Path:
    found = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine())
    files = list(TOOLS.parent.glob(f"lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-{found}"))
    if not files:
        pytest.skip("the emulator is not installed: `make check-sam` does that")
    return files[0]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def emulated(function: Function, python: str, variables: Mapping[str, str]) -> Iterator[str]:
    """One function under the emulator; gives the address that takes its event."""
    layers = os.pathsep.join(str(layer / "python") for layer in function.layers)
    own = {"PATH": os.defpath, "PYTHONPATH": layers, "AWS_LAMBDA_FUNCTION_NAME": function.name, "_HANDLER": function.handler}
    door, api = (f"127.0.0.1:{free_port()}" for _ in range(2))
    command = [str(emulator()), "--runtime-interface-emulator-address", door, "--runtime-api-address", api]
    running = subprocess.Popen(
        [*command, python, "-m", "awslambdaric", function.handler],
        cwd=function.code_dir,
        env={**own, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield f"http://{door}/2015-03-31/functions/function/invocations"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, 9)
        running.wait()


def invoked(address: str, payload: Any) -> Any:
    """The answer of one invocation; the emulator is waited for until it listens."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(address, json.dumps(payload).encode(), timeout=START_S) as answer:  # noqa: S310 - loopback
                return json.loads(answer.read())
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_a_function_answers_its_event_under_the_emulator(
    name: str, built: Path, python313: str, tmp_path: Path, postgres_url: str, peer: Peer
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "orders.csv").write_text("code,amount\nA,1\nB,2\n", "utf-8")
    with connect(postgres_url) as connection:
        connection.run("CREATE TABLE orders (code text PRIMARY KEY, amount integer NOT NULL)")
    functions = {each.code_dir.name: each for each in load_template(built / "template.yaml").functions.values()}
    called = FakeHost({"IngestorFunction": lambda payload: load_function("ingestor")(payload, None)})
    with lambda_api(called, {"portl-test-ingestor": "IngestorFunction"}) as endpoint:
        given = {"FILES": str(tmp_path), "PG_URL": postgres_url, "API_URL": peer.url, "PORTL_SECRET_S3": "testing"}
        given |= {"PORTL_RUNS": str(tmp_path / "runs"), "PORTL_STACK": "portl-test", "AWS_ENDPOINT_URL_LAMBDA": endpoint}
        given["AWS_ENDPOINT_URL_SFN"] = machine_of_the_event()
        given |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "eu-west-1"}
        for each in (*FOLLOWS.get(name, ()), name):
            with emulated(functions[each], python313, {**given, "AWS_DEFAULT_REGION": "eu-west-1"}) as address:
                answer = invoked(address, event(each))
    assert shown(answer) == ANSWERS[name]


def test_there_are_events_for_sam_local_invoke_with_the_variables_that_they_need() -> None:
    variables = json.loads((ROOT / "tests" / "events" / "env.json").read_text("utf-8"))["Parameters"]
    assert {"PORTL_RUNS", "FILES", "PG_URL", "API_URL", "PORTL_SECRET_S3"} <= variables.keys()
