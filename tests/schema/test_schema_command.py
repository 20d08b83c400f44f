"""``portl schema`` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

from flows.support import portl
from portl_cli.schema import schema_text


def test_the_schema_is_printed(tmp_path: Path) -> None:
    ended = portl(tmp_path, "schema")
    assert (ended.code, ended.out, ended.err) == (0, schema_text(), "")
    assert json.loads(ended.out)["title"] == "A job of Portl"


def test_the_schema_is_written_into_a_file(tmp_path: Path) -> None:
    ended = portl(tmp_path, "schema", "-o", "job.schema.json")
    assert (ended.code, ended.out) == (0, "job.schema.json written\n")
    assert (tmp_path / "job.schema.json").read_text("utf-8") == schema_text()


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    ended = portl(tmp_path, "schema", "-o", "no/job.schema.json")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("V125 no/job.schema.json cannot be written: No such file or directory\n")


def test_a_modeline_leads_to_a_file(tmp_path: Path) -> None:
    assert portl(tmp_path, "schema", "--modeline", "jobs/a/job.yaml").code == 2
    ended = portl(tmp_path, "schema", "-o", "job.schema.json", "--modeline", "jobs/a/job.yaml")
    assert (ended.code, ended.out) == (0, "# yaml-language-server: $schema=../../job.schema.json\n")
