"""A wheel carries what a folder with nothing but a job needs to run it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from flows.support import ROOT, portl
from portl_cli.bundle import BEGIN, bundle, deployment
from portl_cli.commands._project import find_project


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--quiet",
        "--disable-pip-version-check",
        "-w",
        str(folder),
        str(ROOT),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a wheel cannot be built here: {done.stderr.strip().splitlines()[-1:]}")
    return next(folder.glob("*.whl"))


def test_the_repository_is_its_own_bundle() -> None:
    assert bundle() == ROOT
    files = dict(deployment())
    assert {"template.yaml", "samconfig.toml", "functions/csv_read/app.py", "layers/portl/requirements.txt"} <= set(files)
    assert BEGIN in files["template.yaml"]


def test_the_wheel_carries_the_same_files(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        carried = {name.partition("_bundle/")[2]: archive.read(name).decode() for name in names if "/_bundle/" in name}
        library = {name for name in names if name.startswith("portl/")}
    expected = {name: text for name, text in deployment() if not name.startswith("layers/portl/portl/")}
    assert carried == expected
    assert {name.removeprefix("layers/portl/") for name, _ in deployment() if name.startswith("layers/portl/portl/")} == library


@pytest.mark.postgres
@pytest.mark.long
def test_an_installed_wheel_writes_a_job_and_runs_it_and_a_deployment(wheel: Path, tmp_path: Path) -> None:
    installed, work = tmp_path / "installed", tmp_path / "work"
    work.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    environment.pop("API_URL", None)

    def run(*arguments: str) -> str:
        code = "import portl_cli; print(portl_cli.__file__); from portl_cli.main import main; main()"
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=work, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(str(installed))
        return done.stdout

    run("init", "--kind", "csv-to-api", "--name", "j")
    assert "the peer received 3 POST /records" in run("run", "statemachines/j", "--demo")
    run("init", "--kind", "lambda-to-api", "--name", "k", "--deploy")
    assert (work / "layers/portl/portl/errors.py").is_file()
    run("build")
    assert "the peer received 3 POST /records" in run("run", "statemachines/k", "--demo")


def test_a_project_is_the_folder_with_a_template_else_the_one_with_jobs_else_the_jobs_own(tmp_path: Path) -> None:
    job = tmp_path / "a" / "statemachines" / "j" / "job.yaml"
    job.parent.mkdir(parents=True)
    job.write_text("version: 2\n", "utf-8")
    assert (find_project(job).root, find_project(job).bundled) == (tmp_path / "a", True)
    alone = tmp_path / "b" / "job.yaml"
    alone.parent.mkdir()
    alone.write_text("version: 2\n", "utf-8")
    assert find_project(alone).root == tmp_path / "b"
    (tmp_path / "template.yaml").write_bytes((ROOT / "template.yaml").read_bytes())
    assert (find_project(job).root, find_project(job).bundled) == (tmp_path, False)


@pytest.mark.postgres
def test_a_job_alone_in_a_folder_runs(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(
        'version: 2\njob: alone\nconnections: {api: {type: http, base_url: "${env:API_URL}"}}\n'
        "steps:\n  - {id: tell, type: api.call, method: POST, path: /x, json: {a: 1}}\n",
        "utf-8",
    )
    ended = portl(tmp_path, "run", "job.yaml", "--demo")
    assert (ended.code, "the peer received 1 POST /x" in ended.out) == (0, True), ended.err
