"""What AWS does with an execution: the deployed machine is driven, its functions see the stack's environment and nothing else.

``python lambda_side.py JOB NAME EVENTS`` takes the input from standard input, and writes the events as they occur.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from portl_cli.commands._hosts import start_host
from portl_cli.commands._project import compiled
from portl_cli.engine import execute, load_machine


def main(job: Path, name: str, events: Path) -> None:
    project, found = compiled(job)
    substitutions = {f"{function}Arn": function for function in project.template.functions}
    machine = load_machine(found.definition, substitutions=substitutions, name=found.job.job)
    host = start_host("inline", project, found.job, job.parent, Path(tempfile.mkdtemp()))
    with events.open("a", encoding="utf-8", buffering=1) as stream:
        execute(
            machine, json.load(sys.stdin), name=name, host=host, on_event=lambda event: print(json.dumps(event), file=stream)
        )
    host.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
