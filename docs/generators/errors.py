"""A page per code of ``portl check``, made of CODES and of the wrong and right jobs in tests/jobs/mistakes; and an index."""

from __future__ import annotations

import json
from pathlib import Path

from generators._runtime_codes import runtime_codes

from portl.jobs import CODES, Code

ROOT = Path(__file__).resolve().parents[2]
MISTAKES = ROOT / "tests" / "jobs" / "mistakes"
FOLDER = "docs/errors"
RULES = "layers/portl/portl/jobs"


def outputs() -> dict[str, str]:
    """The index and the pages."""
    pages = {f"{FOLDER}/{name}.md": _page(name, code) for name, code in CODES.items()}
    return {f"{FOLDER}/README.md": _index(), f"{FOLDER}/runtime.json": _runtime(), **pages}


def _page(name: str, code: Code) -> str:
    rule = Path(f"{RULES}/{code.rule}").as_posix().replace("jobs/../", "")
    effect = "a warning: the job runs all the same" if code.level == "warning" else "an error: the job does not run"
    parts = [
        f"# {name}: {code.title}",
        code.cause,
        f"**Way out.** {code.way_out}",
        f"It is {effect}. The rule is in [{rule}](../../{rule}).",
        *[part for folder in sorted(MISTAKES.glob(f"{name}-*")) for part in _example(folder)],
        f"`portl check --explain {name}` shows this page. [All codes](README.md)",
    ]
    return "\n\n".join(parts) + "\n"


def _example(folder: Path) -> list[str]:
    title = folder.name.split("-", 1)[1].replace("-", " ")
    told = (folder / "expected.txt").read_text("utf-8").strip()
    return [
        f"## {title[0].upper()}{title[1:]}",
        _fenced("yaml", (folder / "bad.yaml").read_text("utf-8")),
        _fenced("console", f"$ portl check bad.yaml\n{told}"),
        "Right:",
        _fenced("yaml", (folder / "good.yaml").read_text("utf-8")),
    ]


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def _runtime() -> str:
    """For ``portl check --explain``, which has no source to read them from once it is installed."""
    codes = {each.code: {"error": each.kind, "says": each.told, "raised_in": each.where} for each in runtime_codes()}
    return json.dumps(codes, indent=2, ensure_ascii=False) + "\n"


def _index() -> str:
    rows = "\n".join(f"| [{name}]({name}.md) | {code.level} | {code.title} |" for name, code in CODES.items())
    raised = "\n".join(f"| {each.code} | {each.kind} | {each.told} | {each.where} |" for each in runtime_codes())
    return f"""# Codes

## What `portl check` finds

How findings are told, and in which forms: [checks](../checks.md).

| code | level | |
|---|---|---|
{rows}

## What a run, a function or the tool raises

Each comes with a place, a cause and what to do. `…` stands for what only the moment knows.

| code | error | says | raised in |
|---|---|---|---|
{raised}
"""
