"""The job that ``portl init`` writes runs, whatever the file, the columns and the table are called and hold."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from flows.support import Ended, portl

JOB = "statemachines/j"


def init(folder: Path, *arguments: str) -> Ended:
    written = portl(folder, "init", "--name", "j", *arguments)
    assert (written.code, written.err) == (0, "")
    return written


def job(folder: Path) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load((folder / JOB / "job.yaml").read_text("utf-8"))
    return found


@pytest.mark.postgres
def test_a_record_far_down_the_file_counts_for_the_types_too(tmp_path: Path) -> None:
    text = "id,amount\n" + "".join(f"{at},{at}\n" for at in range(3_000)) + "3000,n/a\n"
    (tmp_path / "x.csv").write_text(text, "utf-8")
    assert init(tmp_path, "--kind", "csv-to-postgres", "--csv", "x.csv").out.startswith(
        "x.csv: read as a whole (3,001 records)\n"
    )
    ended = portl(tmp_path, "run", JOB, "--demo")
    assert (ended.code, "j: 3,001 inserted" in ended.out) == (0, True), ended.err


@pytest.mark.postgres
def test_columns_of_the_file_may_be_called_like_those_that_the_job_or_postgresql_adds(tmp_path: Path) -> None:
    header = "code,checksum,enriched_checksum,status,enriched_status,enriched_status_2,id,xmin,ctid"
    (tmp_path / "x.csv").write_text(f"{header}\n1,a,b,c,d,e,7,f,g\n2,a,b,c,d,e,8,f,g\n", "utf-8")
    init(tmp_path, "--kind", "csv-to-lambda-to-postgres", "--csv", "x.csv")
    save = next(
        step for step in yaml.safe_load((tmp_path / JOB / "job.yaml").read_text("utf-8"))["steps"] if step["id"] == "save"
    )
    assert list(save["mapping"])[-4:] == ["xmin_", "ctid_", "enriched_checksum_2", "enriched_status_3"]
    assert save["mapping"]["xmin_"] == "{{ row.xmin }}"
    ended = portl(tmp_path, "run", JOB, "--demo")
    assert (ended.code, "j: 2 inserted" in ended.out) == (0, True), ended.err


@pytest.mark.postgres
@pytest.mark.parametrize("kind", ["csv-to-postgres", "postgres-to-lambda"])
def test_a_table_in_a_schema_that_is_not_there_yet_is_made_with_it(tmp_path: Path, kind: str) -> None:
    init(tmp_path, "--kind", kind, "--table", "shop.stock")
    ended = portl(tmp_path, "run", JOB, "--demo")
    done = "inserted" if kind == "csv-to-postgres" else "updated"
    assert (ended.code, f"shop.stock: 3 {done}" in ended.out) == (0, True), ended.err


def test_a_csv_in_the_project_is_named_from_its_folder_however_it_was_told(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x.csv").write_text("code\n1\n", "utf-8")
    init(tmp_path, "--kind", "csv-to-api", "--csv", str(tmp_path / "data/x.csv"))
    assert job(tmp_path)["params"] == {"path": {"type": "string", "default": "data/x.csv", "description": "the CSV file"}}


@pytest.mark.postgres
def test_a_csv_outside_the_project_is_given_to_each_run_and_its_path_is_kept_nowhere(tmp_path: Path) -> None:
    project, file = tmp_path / "project", tmp_path / "my data" / "x.csv"
    project.mkdir()
    file.parent.mkdir()
    file.write_text("code\n1\n2\n", "utf-8")
    written = init(project, "--kind", "csv-to-postgres", "--csv", "../my data/x.csv")
    assert job(project)["params"] == {"path": {"type": "string", "required": True, "description": "the CSV file"}}
    told = f"--param 'path={file.resolve()}'"
    for command in (f"portl plan {JOB} {told}\n", f"portl run {JOB} --demo {told}\n"):
        assert command in written.out
    kept = [path for path in project.rglob("*") if path.is_file() and str(tmp_path) in path.read_text("utf-8")]
    assert kept == []
    ended = portl(project, "run", JOB, "--demo", "--param", f"path={file.resolve()}")
    assert (ended.code, "j: 2 inserted" in ended.out) == (0, True), ended.err
    refused = portl(project, "run", JOB, "--demo")
    assert (refused.code, "path" in refused.err) == (2, True), refused.err
