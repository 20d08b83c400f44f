"""How a run ended, written for a page of Markdown, such as GitHub's job summary, and as a finding at a line of its job.

https://docs.github.com/en/actions/writing-workflows/choosing-what-your-workflow-does/workflow-commands-for-github-actions
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from portl.values import redact
from portl_cli.commands._findings.github import command
from portl_cli.compile.picture import mermaid
from portl_cli.page import status_word, words

MACHINE = "machine.asl.json"


def markdown(run: Mapping[str, Any], folder: Path) -> str:
    """A heading, figures, what the run said at its end, and its machine as a picture."""
    figures = {
        "took": words.duration(run.get("seconds")),
        "records": words.UNKNOWN if run.get("records") is None else f"{run['records']:,}",
        "state transitions": f"{run.get('transitions') or 0:,}, on AWS about ${run.get('usd') or 0:.4f}",
    }
    told = ", ".join(f"{name} {figure}" for name, figure in figures.items())
    parts = [f"### {run['job']}: {status_word(str(run['status']))}", f"`{run['run']}`: {told}"]
    parts.append(_block("\n".join(str(line) for line in run["lines"]).strip("\n"), "text"))
    machine = folder / MACHINE
    if machine.is_file():
        drawn = _block(mermaid(json.loads(machine.read_text("utf-8"))).strip("\n"), "mermaid")
        parts.append(f"<details><summary>The state machine</summary>\n\n{drawn}\n\n</details>")
    return str(redact("\n\n".join(parts))) + "\n"


def _block(text: str, language: str) -> str:
    """Text as it is: a fence is longer than any that stands in it."""
    longest = max((len(found) for found in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def annotation(run: Mapping[str, Any], _: Path) -> str:
    """A failed run's error, at the line of the job that it is about where that is known; nothing of any other run."""
    failure = run.get("failure")
    if failure is None:
        return ""
    place = failure.get("job", {})
    fields = {"file": place.get("file"), "line": place.get("line"), "col": place.get("column"), "title": failure["code"]}
    said = [f"failed in {failure['where']}" if failure["where"] else "failed", failure["message"], failure["hint"]]
    text = "\n".join(part for part in (": ".join(said[:2]), said[2]) if part)
    return str(redact(command("error", {name: value for name, value in fields.items() if value}, text))) + "\n"


WRITERS: Mapping[str, Callable[[Mapping[str, Any], Path], str]] = {"markdown": markdown, "github": annotation}
"""The forms of ``portl runs show --format`` besides text and JSON."""
