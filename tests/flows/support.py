"""Running Portl as a user does, and what the two flows must come to, worked out record by record in plain Python."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import preloaded

ROOT = Path(__file__).resolve().parents[2]
FLOW_A = ROOT / "statemachines" / "resource_sync"
FLOW_B = ROOT / "statemachines" / "resource_pull"


START = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from portl_cli.main import main; main()"
"""A test's parent may ignore Ctrl-C, a shell's children do not."""


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


def environment(tmp_path: Path, variables: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("PG_URL", "NOTIFY_URL")}
    return {**kept, "PORTL_RUNS": str(tmp_path / "runs"), **variables}


def start(tmp_path: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Starts the interpreter as a user's shell does."""
    command = [sys.executable, "-c", START, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment(tmp_path, variables), cwd=tmp_path, text=True, stdout=pipe, stderr=pipe)


def portl(tmp_path: Path, *arguments: str, **variables: str) -> Ended:
    """Runs a command to its end, in a process of its own."""
    ended = preloaded.run(arguments, tmp_path, environment(tmp_path, variables), timeout=120)
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def project(tmp_path: Path, change: Mapping[str, str] | None = None, job: Path = FLOW_A) -> Path:
    """A copy of a flow in a project of its own, with some of its text changed; answers the job's file."""
    root = tmp_path / "project"
    folder = root / "statemachines" / job.name
    folder.mkdir(parents=True, exist_ok=True)
    text = (job / "job.yaml").read_text("utf-8")
    for old, new in (change or {}).items():
        assert old in text
        text = text.replace(old, new)
    (folder / "job.yaml").write_text(text, "utf-8")
    (folder / "schema.sql").write_text((FLOW_A / "schema.sql").read_text("utf-8"), "utf-8")
    (root / "template.yaml").write_text((ROOT / "template.yaml").read_text("utf-8"), "utf-8")
    for name in ("functions", "layers"):
        if not (root / name).exists():
            (root / name).symlink_to(ROOT / name)
    return folder / "job.yaml"


def read_records(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write_records(file: Path, records: Iterable[Mapping[str, str]]) -> Path:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["code", "source", "name", "payload", "updated_at"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    return file


def records(count: int, *, keys: int) -> list[dict[str, str]]:
    """Records over so many keys, each key several times, its payload final now and then."""
    return [
        {
            "code": f"R-{at * 7 % keys:03d}",
            "source": "erp",
            "name": f"Name {at} «é»",
            "payload": json.dumps({"final": at % 3 == 0, "at": at}),
            "updated_at": f"2026-01-01T00:{at // 60:02d}:{at % 60:02d}+02:00",
        }
        for at in range(count)
    ]


@dataclass
class Expected:
    """The rows and the calls that doing one record after another gives."""

    resources: list[tuple[Any, ...]]
    versions: list[tuple[Any, ...]]
    resource_calls: list[tuple[str, str]]
    version_calls: list[tuple[str, int]]


def expected(given: Iterable[Mapping[str, str]], enrich: Any) -> Expected:
    resources: dict[tuple[str, str], tuple[Any, ...]] = {}
    versions: dict[tuple[str, str], list[list[Any]]] = {}
    calls = []
    for record in given:
        key = (record["code"], record["source"])
        made = enrich(record)
        resources[key] = (*key, record["name"], made["slug"], made["md5"])
        history = versions.setdefault(key, [])
        payload = json.loads(record["payload"])
        if not history or history[-1][2] == "published":
            history.append([len(history) + 1, made["md5"], made["status"], payload])
        else:
            history[-1][1:] = [made["md5"], made["status"], payload]
        calls.append((record["code"], made["md5"]))
    return Expected(
        resources=sorted(resources.values()),
        versions=sorted((*key, *version) for key, history in versions.items() for version in history),
        resource_calls=sorted(calls),
        version_calls=sorted((f"{key[0]}", len(versions[key])) for key in [(r["code"], r["source"]) for r in given]),
    )


RESOURCES = "SELECT code, source, name, slug, md5 FROM resources"
VERSIONS = (
    "SELECT r.code, r.source, v.version_number, v.md5, v.status, v.payload FROM resources_versions v "
    "JOIN resources r ON r.id = v.resource_id"
)


@cache
def load_function(name: str) -> Any:
    """The example function, loaded by itself."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(f"example_{name}", ROOT / "functions" / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.handler
