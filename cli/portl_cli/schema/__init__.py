"""The JSON Schema of a job, made from the models that read it: what an editor completes and checks with."""

from portl_cli.schema._job import job_schema, schema_text
from portl_cli.schema._transforms import ARGUMENTS, transform

__all__ = ["ARGUMENTS", "job_schema", "schema_text", "transform"]
