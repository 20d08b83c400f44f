"""``docs/job.schema.json``, from the models of a job."""

from __future__ import annotations

from portl_cli.schema import schema_text


def outputs() -> dict[str, str]:
    """The generated file: path from the repository's root → text."""
    return {"docs/job.schema.json": schema_text()}
