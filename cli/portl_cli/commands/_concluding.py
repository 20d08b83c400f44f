"""The last words of a run, and its exit code."""

from __future__ import annotations

import os

import click

from portl.values import redact
from portl_cli.commands._display import Display
from portl_cli.commands._outcome import Told, consequence
from portl_cli.commands._report import failure_document, failure_of, summary, summary_document
from portl_cli.exit_codes import FAILED, INTERRUPTED
from portl_cli.page import PAGE


def conclude(told: Told) -> int:
    """Tells people how a run ended, and answers the exit code."""
    if told.ended.status == "SUCCEEDED":
        for line in summary(told):
            click.echo(redact(line))
        click.echo(f"  run page {_page(told)}")
        return 0
    for line in failure_of(told):
        click.echo(redact(line), err=True)
    click.echo(f"  page    {_page(told)}", err=True)
    return INTERRUPTED if told.ended.status == "ABORTED" else FAILED


def conclude_json(told: Told, display: Display) -> int:
    """Tells programs how a run ended, and answers the exit code."""
    about = {"run": told.run_folder.name, "folder": str(told.run_folder), "page": str(told.run_folder / PAGE)}
    if told.ended.status == "SUCCEEDED":
        display.event("run_succeeded", **about, summary=summary_document(told))
        return 0
    if told.ended.status == "ABORTED":
        display.event("run_interrupted", **about, state=consequence(told))
        return INTERRUPTED
    display.event("run_failed", **about, error=failure_document(told))
    return FAILED


def _page(told: Told) -> str:
    return os.path.relpath(told.run_folder / PAGE)
