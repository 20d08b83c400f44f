"""Puts the page together and writes it."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, Template
from markupsafe import Markup

from portl.values import redact
from portl_cli.page import story, words
from portl_cli.page.course import Course
from portl_cli.page.letters import letter_lines
from portl_cli.page.picture import OUTCOMES, picture

PAGE = "index.html"
HERE = Path(__file__).parent
STATUS = {
    "SUCCEEDED": ("done", "done"),
    "FAILED": ("failed", "failed"),
    "TIMED_OUT": ("timed out", "failed"),
    "ABORTED": ("stopped by an error", "failed"),
    "INTERRUPTED": ("interrupted", "stopped"),
    "KILLED": ("killed", "stopped"),
    "RUNNING": ("running", "stopped"),
    "NOT_STARTED": ("not started", "stopped"),
}
"""How a run ended: the word for it, and its colour."""


def status_word(status: str) -> str:
    """The word for a status."""
    return STATUS[status][0]


def write_page(folder: Path, ended: Mapping[str, Any], course: Course) -> Path:
    """Makes the page of a run and puts it into the run's folder, whole or not at all. Answers where it is."""
    file = folder / PAGE
    new = folder / f".{PAGE}.{secrets.token_hex(4)}"
    new.write_text(make_page(folder, ended, course), "utf-8")
    new.replace(file)
    return file


def make_page(folder: Path, ended: Mapping[str, Any], course: Course) -> str:
    """The page's HTML. ``ended`` says how the run ended, as ``ended.json`` has it."""
    definition = _json(folder / "machine.asl.json") or {}
    run = _json(folder / "run.json") or {}
    by_step = ended.get("steps") or {}
    failed_step = str((ended.get("failure") or {}).get("place", {}).get("step", ""))
    drawn = picture(definition, course, by_step, failed_step) if definition else ""
    lines, before = story.log_lines(folder / "log.jsonl")
    output, output_before = story.tail(folder / "output.log", story.MOST_OUTPUT)
    chunks, more_chunks = story.troubled(course)
    letters, more_letters = letter_lines(folder)
    word, tone = STATUS[str(ended["status"])]
    return _template().render(
        **_parts(),
        ended=ended,
        word=word,
        tone=tone,
        figures=_figures(ended, course),
        params=story.parameters(run, course),
        key=run.get("key", ""),
        picture=Markup(drawn),  # noqa: S704 - built as a tree, not as text
        legend=[(name, said) for name, said in OUTCOMES.items() if f" is-{name}" in drawn],
        failed_step=failed_step,
        states=story.state_lines(definition, course, by_step) if definition else [],
        waits=story.waits(definition, course) if definition else [],
        chunks=chunks,
        more_chunks=more_chunks,
        letters=letters,
        more_letters=more_letters,
        log=lines,
        log_before=before,
        log_steps=sorted({line.step for line in lines if line.step}),
        output=output,
        output_before=output_before,
    )


def _figures(ended: Mapping[str, Any], course: Course) -> list[tuple[str, str]]:
    """The numbers at the top."""
    found = [("took", words.duration(ended.get("seconds"))), ("records", words.count(ended.get("records") or 0))]
    if ended.get("base"):
        reused = sum((ended.get("reused") or {}).values())
        found.append((f"reused of {ended['base']}", words.count(reused, "result")))
    found += [(f"rows of {table}", words.counts(counts)) for table, counts in (ended.get("tables") or {}).items() if counts]
    found += [(name, words.count(ended[name])) for name in ("calls", "invocations") if ended.get(name)]
    if ended.get("dead_letters"):
        found.append(("kept aside", words.count(sum(ended["dead_letters"].values()))))
    if course.children:
        found.append(("chunks", words.count(course.children)))
    transitions, usd = ended.get("transitions") or 0, ended.get("usd") or 0.0
    return [*found, ("state transitions", words.count(transitions)), ("on AWS about", f"${usd:.4f}")]


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return None


@cache
def _parts() -> dict[str, Any]:
    """The style and the script, and the script's hash: the only script that the page lets run."""
    style, script = ((HERE / name).read_text("utf-8") for name in ("style.css", "filter.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"style": Markup(style), "script": Markup(script), "script_hash": Markup(digest)}  # noqa: S704 - our own files


@cache
def _template() -> Template:
    """Every value that the template shows is redacted, then escaped."""
    found = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        finalize=lambda value: value if isinstance(value, Markup) else redact(value),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"counts": words.counts, "duration": words.duration, "what_happened": story.what_happened}
    found.filters |= {"moment": lambda text: words.moment(words.when(text)), "short": words.short}
    return found.get_template("page.html.j2")
