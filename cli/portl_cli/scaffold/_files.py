"""Which files a new job consists of, and what is in them. Nothing here writes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

from portl.connections import Target
from portl.errors import SetupError
from portl_cli.bundle import BEGIN, END, EXAMPLES, deployment
from portl_cli.compile import logical_id
from portl_cli.scaffold._answers import Answers
from portl_cli.scaffold._job import added, job_text
from portl_cli.scaffold._samples import csv_text, enriching_function, records, source_function
from portl_cli.scaffold._sql import sample_rows, schema

_RESOURCE = re.compile(r"^  \w+Function:\n(?:    .*\n|  \w+Logs:\n|\n)+", re.MULTILINE)
"""A function of the template, and its log group behind it."""
_CODE = re.compile(r"CodeUri: functions/(\w+)/")
IGNORED = "# What runs leave behind.\n.portl/\n"


def folder(answers: Answers) -> str:
    """The job's folder in its project."""
    return f"statemachines/{answers.name}"


def sample_path(answers: Answers) -> str:
    """The CSV that the job reads when it is told no other, from the project's folder."""
    return answers.csv or f"{folder(answers)}/{answers.stem or answers.name}.csv"


def job_files(answers: Answers) -> dict[str, str]:
    """The job and what stands beside it: path in the project → text."""
    return {f"{folder(answers)}/job.yaml": job_text(answers, sample_path(answers), folder(answers)), **files_beside(answers)}


def files_beside(answers: Answers) -> dict[str, str]:
    """What a run of the job needs besides it."""
    return {f"{folder(answers)}/{name}": text for name, text in _beside(answers)}


def _beside(answers: Answers) -> Iterator[tuple[str, str]]:
    kind = answers.kind
    if kind.source == "csv" and answers.csv is None:
        yield PurePosixPath(sample_path(answers)).name, csv_text(answers.columns)
    if kind.uses_database:
        yield "schema.sql", schema(answers.table, answers.columns, answers.key, added(answers), answers.name)
    if kind.source == "postgres":
        yield "demo.sql", sample_rows(answers.table, answers.columns, answers.key, records(answers.columns))
    if answers.function is not None and answers.function.kind == "file":
        file, _, function = answers.function.name.partition(":")
        yield file, function_text(answers, function)


def function_text(answers: Answers, name: str) -> str:
    """An example of the function that the job invokes."""
    return enriching_function(name) if answers.kind.enriched else source_function(answers.columns, name)


def function_folder(answers: Answers, template: str) -> dict[str, str]:
    """The folder of a function that the project lacks, and the template with it; empty when the job names no such function.

    Raises:
        SetupError: V122, the template has no block of ``portl build`` to put it before.
    """
    target = answers.function
    if target is None or target.kind != "folder" or f"CodeUri: functions/{target.name}/" in template:
        return {}
    return {f"functions/{target.name}/app.py": function_text(answers, "handler"), "template.yaml": _with(template, target)}


def _with(template: str, target: Target) -> str:
    before, begin, after = template.partition(BEGIN)
    if not begin:
        raise SetupError("template.yaml has no block for portl build", code="V122", hint="put it under Resources")
    logical = logical_id(target.name)
    logs = f"{logical.removesuffix('Function')}Logs"
    resource = (
        f"  {logical}:\n"
        "    Type: AWS::Serverless::Function\n"
        "    Metadata: {SkipBuild: true}\n"
        "    Properties:\n"
        f'      FunctionName: !Sub "${{AWS::StackName}}-{target.name}"\n'
        f"      CodeUri: functions/{target.name}/\n"
        f"      LoggingConfig: {{LogGroup: !Ref {logs}}}\n"
        "      Timeout: 30\n\n"
        f"  {logs}:\n"
        "    Type: AWS::Logs::LogGroup\n"
        "    Properties:\n"
        f'      LogGroupName: !Sub "/aws/lambda/${{AWS::StackName}}-{target.name}"\n'
        "      RetentionInDays: !FindInMap [Stages, !Ref Stage, LogDays]\n\n"
    )
    return before + resource + begin + after


def deployment_files(used: Collection[str] = ()) -> dict[str, str]:
    """What makes a folder one that can be deployed: the template without any job, the functions, the layer.

    Of the example functions only those in the folders ``used``, which jobs of the project name.
    """
    files = dict(deployment())
    before, begin, rest = files["template.yaml"].partition(BEGIN)
    _, end, after = rest.partition(END)
    before, left_out = _without_examples(before, used)
    kept = {path: text for path, text in files.items() if not path.startswith(tuple(f"functions/{name}/" for name in left_out))}
    return {**kept, "template.yaml": before + begin + end + after}


def _without_examples(template: str, used: Collection[str]) -> tuple[str, set[str]]:
    """The template without the examples that are not used, and their folders."""
    head, mark, examples = template.partition(EXAMPLES)
    resources = {_CODE.findall(text)[0]: text for text in _RESOURCE.findall(examples)}
    kept = "".join(text for name, text in resources.items() if name in used)
    return head + (mark + kept if kept else ""), {name for name in resources if name not in used}


def shown_first(paths: dict[str, str]) -> list[str]:
    """The paths, the job first."""
    return sorted(paths, key=lambda path: (PurePosixPath(path).name != "job.yaml", path))
