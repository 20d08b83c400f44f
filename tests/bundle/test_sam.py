"""SAM's own tools on the template, and what they build, under Python 3.13 and AWS's runtime client (bundle.md V1, A2).

`make check-sam` installs the tools and runs these; without them they are skipped, with a reason.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from dataclasses import replace
from functools import cache
from importlib.metadata import distributions, requires
from pathlib import Path
from typing import Any

import boto3
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bundle.documents import ROOT
from bundle.lambda_api import lambda_api
from conftest import connect
from flows.support import FLOW_A, RESOURCES, VERSIONS, expected, load_function, read_records, records, write_records
from flows.test_flow_a import check_rows_and_calls
from portl_cli.embedded import Peer
from portl_cli.engine import IsolateHost, SystemClock, Template, execute, load_machine, load_template
from stores.backends import s3_endpoint, s3_spec

pytestmark = [pytest.mark.sam, pytest.mark.long]
TOOLS = ROOT / ".cache" / "sam" / "bin"
RUNTIME = ROOT / ".cache" / "lambda" / "bin" / "python"
MACHINES = {"x86_64": "", "aarch64": "Arm64"}
LIMITS = {"PortlLayer": 30_000_000, "FilesLayer": 50_000_000}
"""Bytes of a layer, unzipped."""
STACK = "portl-test"


def tool(name: str, *arguments: str, cwd: Path = ROOT, **variables: str) -> str:
    """What a tool of SAM's says; no account and no region of this machine are used."""
    if not (TOOLS / name).exists():
        pytest.skip(f"{name} is not installed: `make check-sam` does that")
    given = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    given |= {"PATH": f"{TOOLS}{os.pathsep}{given['PATH']}", "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-west-1"}
    command = [str(TOOLS / name), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env={**given, **variables})
    if re.search(r"NewConnectionError|NameResolution|ConnectTimeout|Connection refused", ended.stderr):
        pytest.skip("the layers' packages cannot be fetched: there is no network")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


# the template


def test_sam_finds_the_template_valid(tmp_path: Path) -> None:
    """Away from samconfig.toml, which makes every validation one with --lint."""
    shutil.copy(ROOT / "template.yaml", tmp_path)
    shutil.copytree(ROOT / "statemachines", tmp_path / "statemachines")
    assert "is a valid SAM Template" in tool("sam", "validate", cwd=tmp_path)


@pytest.mark.parametrize("environment", ["default", "stg", "prod"])
def test_sams_linter_finds_nothing_in_any_environment_of_samconfig(environment: str) -> None:
    assert "is a valid SAM Template" in tool("sam", "validate", "--lint", "--config-env", environment)


def test_cfn_lint_finds_nothing_in_the_transformed_template() -> None:
    """It transforms a template of SAM before it looks at it."""
    assert tool("cfn-lint", "--regions", "eu-west-1", "--", "template.yaml") == ""


@cache
def options(command: str) -> str:
    return tool("sam", command, "--help")


def test_sam_knows_every_setting_of_samconfig() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text("utf-8"))
    for environment, commands in config.items():
        for command, tables in commands.items() if environment != "version" else ():
            known = options("deploy" if command == "global" else command)
            for name in tables["parameters"]:
                assert f"--{name.replace('_', '-')}" in known, (environment, command, name)


# what is built


@pytest.fixture(scope="module")
def python313() -> str:
    if not RUNTIME.exists():
        pytest.skip("there is no Python 3.13 here: `make check-sam` looks for it on the path and among pyenv's")
    return str(RUNTIME)


@pytest.fixture(scope="module")
def built() -> Path:
    """The folder that ``sam build`` made, with what samconfig.toml says: cached, in parallel."""
    folder = ROOT / ".cache" / "sam" / "build"
    given = {"PYTHON313": str(RUNTIME)} if RUNTIME.exists() else {}
    # SAM would take layers without byte code for the same
    kept = ROOT / ".cache" / "sam" / f"layers{'-compiled' if given else ''}"
    said = tool("sam", "build", "--build-dir", str(folder), "--cache-dir", str(kept), **given)
    assert ("no byte code" in said) <= (not RUNTIME.exists()), said
    return folder


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("machine", MACHINES)
def test_the_layers_are_within_their_sizes_and_for_lambdas_python_and_machine(built: Path, machine: str) -> None:
    folders = {layer: built / f"{layer}{MACHINES[machine]}" / "python" for layer in LIMITS}
    sizes = {layer: size(folder) for layer, folder in folders.items()}
    print(machine, sizes)  # noqa: T201 - the figures of the documentation
    assert {layer for layer, found in sizes.items() if not 0 < found <= LIMITS[layer]} == set(), sizes
    assert (folders["FilesLayer"] / "obstore").is_dir()
    assert (folders["PortlLayer"] / "portl" / "stores" / "__init__.py").is_file()
    tags = {file.name.split(".")[1] for folder in folders.values() for file in folder.rglob("*.so")}
    assert tags == {f"cpython-313-{machine}-linux-gnu", "abi3"}, "extensions are for Lambda's Python and machine only"


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_in_both_layers_is_one_version_and_all_of_it_suits_boto3(built: Path, machine: str) -> None:
    """The layers stand before the runtime's own packages on the path, so boto3 finds theirs first."""
    found = {layer: versions(built / f"{layer}{MACHINES[machine]}" / "python") for layer in LIMITS}
    shared = found["PortlLayer"].keys() & found["FilesLayer"].keys()
    assert {name: found["PortlLayer"][name] for name in shared} == {name: found["FilesLayer"][name] for name in shared}
    carried = found["PortlLayer"] | found["FilesLayer"]
    for package in ("boto3", "botocore", "s3transfer"):
        for line in requires(package) or []:
            wanted = Requirement(line)
            name = canonicalize_name(wanted.name)
            applies = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
            assert not applies or name not in carried or wanted.specifier.contains(carried[name]), (package, line)
    assert "python-dateutil" in carried, "or the pin that suits boto3 is not needed any more"


def versions(folder: Path) -> dict[str, str]:
    return {canonicalize_name(each.metadata["Name"]): each.version for each in distributions(path=[str(folder)])}


def test_every_module_of_the_layers_has_byte_code_that_python_takes_without_looking_at_the_source(
    built: Path, python313: str
) -> None:
    """PEP 552: flags 1 say that the file is checked by nothing. A layer's times are not those of its build."""
    for layer in (f"{name}{suffix}" for name in LIMITS for suffix in MACHINES.values()):
        compiled = list((built / layer).rglob("*.cpython-313.pyc"))
        assert {file.read_bytes()[4:8] for file in compiled} == {b"\x01\0\0\0"}, layer
        assert len(compiled) == len(list((built / layer).rglob("*.py"))), layer


def test_every_module_of_portl_is_loaded_from_the_layers_alone(built: Path, python313: str) -> None:
    code = (
        "import importlib, pkgutil, sys, portl\n"
        "names = [each.name for each in pkgutil.walk_packages(portl.__path__, 'portl.')]\n"
        "for name in names: importlib.import_module(name)\n"
        "print(len(names), portl.__file__, sys.modules['pydantic_core'].__file__, sys.modules['obstore'].__file__)"
    )
    path = os.pathsep.join(str(built / layer / "python") for layer in LIMITS)
    command = [python313, "-W", "error", "-c", f"import obstore, paramiko\n{code}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONPATH": path})
    assert ended.returncode == 0, ended.stderr
    count, *files = ended.stdout.split()
    assert int(count) > 150
    assert all(file.startswith(str(built)) for file in files)


# the flows, as deployed


class Lab:
    """The built template's functions under Lambda's Python, with AWS's services on loopback: S3 and SSM of moto, Invoke."""

    def __init__(self, template: Template, postgres_url: str, peer: Peer) -> None:
        self.spec, self.printed = s3_spec(), list[str]()
        self._template = template
        keys = {"region_name": "us-east-1", "aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        self._clients = {name: boto3.client(name, endpoint_url=s3_endpoint(), **keys) for name in ("s3", "ssm")}
        for name, value in {"PG_URL": postgres_url, "NOTIFY_URL": peer.url}.items():
            given = {"Name": f"/{STACK}/env/{name}", "Value": value, "Type": "SecureString", "Overwrite": True}
            self._clients["ssm"].put_parameter(**given)

    def upload(self, file: Path) -> str:
        self._clients["s3"].upload_file(str(file), self.spec.bucket, f"in/{file.name}")
        return f"s3://{self.spec.bucket}/in/{file.name}"

    def run(self, job: str, given: dict[str, Any], python: str) -> Any:
        """One execution of a job's state machine."""
        runs = f"s3://{self.spec.bucket}"
        variables = {"PORTL_STACK": STACK, "PORTL_RUNS": f"{runs}/runs", "PORTL_SPECS": f"{runs}/specs", "PORTL_METRICS": STACK}
        variables |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "us-east-1"}
        variables |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": s3_endpoint()}
        functions = {name: replace(each, environment=dict(variables)) for name, each in self._template.functions.items()}
        with IsolateHost(functions, python=python, on_output=self.printed.append, slots=2) as host:
            names = {f"{STACK}-{each.code_dir.name}": name for name, each in functions.items()}
            with lambda_api(host, names) as endpoint:
                for each in functions.values():
                    each.environment["AWS_ENDPOINT_URL_LAMBDA"] = endpoint  # type: ignore[index]
                (found,) = [each for each in self._template.machines.values() if each.definition_path.parent.name == job]
                text = (ROOT / "statemachines" / job / f"{job}.asl.json").read_text("utf-8")
                machine = load_machine(json.loads(text), substitutions=found.substitutions, name=job)
                return execute(machine, given, name=f"{job}-1", host=host, clock=SystemClock())


@pytest.fixture
def lab(built: Path, postgres_url: str, peer: Peer) -> Lab:
    with connect(postgres_url) as connection:
        connection.run((FLOW_A / "schema.sql").read_text("utf-8"))
    return Lab(load_template(built / "template.yaml"), postgres_url, peer)


@pytest.mark.postgres
def test_flow_a_runs_from_the_built_layers_as_on_lambda(
    lab: Lab, python313: str, tmp_path: Path, query: Any, peer: Peer
) -> None:
    file = write_records(tmp_path / "in.csv", records(60, keys=20))
    ended = lab.run("resource_sync", {"path": lab.upload(file)}, python313)
    assert ended.status == "SUCCEEDED", (ended.error, ended.cause, lab.printed[-20:])
    check_rows_and_calls(read_records(file), query, peer)
    told = metrics(lab.printed)
    assert told["api.call", "Records"] == 120
    assert (told["csv.read", "Records"], told["lambda.invoke", "Records"], told["db.upsert", "Records"]) == (60, 60, 60)
    assert {name for (_, name), count in told.items() if count} >= {"Duration", "Records"}
    assert sum(count for (_, name), count in told.items() if name in ("Failures", "DeadLetters", "Retries")) == 0


@pytest.mark.postgres
def test_flow_b_runs_from_the_built_layers_as_on_lambda(lab: Lab, python313: str, query: Any, peer: Peer) -> None:
    given = load_function("feed")({"batch_id": "2026-11"}, None)["records"]
    ended = lab.run("resource_pull", {"batch_id": "2026-11"}, python313)
    assert ended.status == "SUCCEEDED", (ended.error, ended.cause, lab.printed[-20:])
    wanted = expected(given, lambda record: record)
    assert sorted(query(RESOURCES)) == wanted.resources
    assert sorted(query(VERSIONS), key=lambda row: row[:3]) == wanted.versions
    assert len(peer.calls()) == 2 * len(given)


def metrics(printed: list[str]) -> dict[tuple[str, str], float]:
    """The sums of what functions told as metrics, by step type and metric."""
    found: dict[tuple[str, str], float] = {}
    for line in printed:
        if '"_aws"' in line:
            document = json.loads(line)
            for metric in document["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
                key = str(document.get("step_type", document.get("operation"))), metric["Name"]
                found[key] = found.get(key, 0) + sum(document[metric["Name"]])
    return found
