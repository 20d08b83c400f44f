"""``portl``: finds the command, loads only that one, and turns errors into exit codes."""

from __future__ import annotations

import errno
import signal
import sys
from importlib import import_module
from types import FrameType

import click

from portl_cli.exit_codes import ENVIRONMENT_WRONG, FAILED, INTERRUPTED, JOB_WRONG

COMMANDS = {
    "build": "Compile every job and write what deployment needs.",
    "check": "Say what is wrong with a job, and where.",
    "doctor": "Look at what jobs need on this machine, and say how to mend it.",
    "graph": "Draw a job's state machine, as Mermaid or SVG.",
    "init": "Write a new job that runs.",
    "migrate": "Write a job of the older form as steps.",
    "outbox": "Deliver what a job put into its outbox, list it, retry or discard it.",
    "plan": "Show the SQL and the requests of a run, and do nothing.",
    "prove": "Crash a job at every effect and compare what it leaves.",
    "query": "Ask the embedded PostgreSQL of a project, read-only.",
    "run": "Run a job on this machine.",
    "runs": "Look at the runs of this machine.",
    "schema": "Print the JSON Schema of a job, for editors.",
    "store": "List, copy, move, remove and check files in stores.",
}

_OF_THE_ENVIRONMENT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)
"""What the disk of this machine says when it is full, or not the user's."""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(f"portl_cli.commands.{cmd_name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="portl-serverless")
def cli() -> None:
    """Move records between files, databases, HTTP APIs and Lambda functions.

    \b
    Example:
      portl run statemachines/resource_sync/job.yaml --param path=resources.csv --demo
    """  # noqa: D301 - \b is click's mark for text that is not wrapped


def main() -> None:
    """The entry point. Exit codes: 0 done, 1 failed, 2 the job is wrong, 3 the environment is wrong, 130 interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = cli.main(standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        sys.stderr.write("interrupted: what was open is rolled back\n")
        code = INTERRUPTED
    except click.ClickException as problem:
        problem.show()
        code = JOB_WRONG
    except Exception as problem:  # noqa: BLE001 - sorted into exit codes, every text redacted
        code = _report(problem)
    sys.exit(code)


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def _report(problem: Exception) -> int:
    import traceback

    from portl.errors import JobError, PortlError
    from portl.values import redact

    if isinstance(problem, JobError):
        lines = [str(finding) for finding in problem.diagnostics] or [problem.message]
        code = JOB_WRONG
    elif isinstance(problem, PortlError):
        lines = [f"{problem.code} {problem.message}", *([f"  {problem.hint}"] if problem.hint else [])]
        code = ENVIRONMENT_WRONG
    elif isinstance(problem, OSError) and problem.errno in _OF_THE_ENVIRONMENT:
        where = problem.filename or "what Portl keeps beside the job (.portl, or PORTL_RUNS)"
        lines = [f"{where} cannot be written or read: {problem.strerror}"]
        code = ENVIRONMENT_WRONG
    else:
        lines = [*traceback.format_exception(problem), "this is a fault of Portl: please report it"]
        code = FAILED
    sys.stderr.write(redact("\n".join(lines)) + "\n")
    return code
