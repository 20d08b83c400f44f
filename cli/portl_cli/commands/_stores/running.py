"""A command over many files: shown while it goes on, counted at the end."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

import click

from portl.stores import OnProgress
from portl_cli.commands._stores.carrying import Done
from portl_cli.commands._stores.lines import amount, counted
from portl_cli.commands._stores.showing import WOULD, showing_for
from portl_cli.commands._stores.work import Outcome, Work

Item = TypeVar("Item")
VERBS = {"copy": "copying", "move": "moving", "remove": "removing"}
WORDS: dict[str, tuple[str, str]] = {"unchanged": ("left as it was", "left as they were")}
"""What is said of one file, and of several, where the action's own word does not do."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a command goes about it, the same for all its files."""

    what: str
    parallel: int
    dry_run: bool
    as_json: bool
    stop: threading.Event


def run_all(
    items: Sequence[Item], size: int, do: Callable[[Item, OnProgress], Done], address: Callable[[Item], str], manner: Manner
) -> Outcome:
    """Does it for all items, ``size`` bytes in all, and says what came of them."""
    began = time.monotonic()
    showing = showing_for(VERBS[manner.what], len(items), size, as_json=manner.as_json, dry_run=manner.dry_run)
    with closing(showing):
        outcome = Work(items, do, address, manner.parallel, manner.stop).through(showing)
    seconds = time.monotonic() - began
    if manner.as_json:
        click.echo(json.dumps(_totals(outcome, seconds)))
    else:
        click.echo(_summary(outcome, seconds, dry_run=manner.dry_run), err=True)
    return outcome


def _totals(outcome: Outcome, seconds: float) -> dict[str, float | str]:
    counts = Counter(done.action for done in outcome.done)
    changed = sum(done.size for done in outcome.done if done.action not in ("skipped", "unchanged"))
    return {
        "event": "ended",
        **{action: counts[action] for action in WOULD},
        "failed": len(outcome.failed),
        "bytes": changed,
        "seconds": round(seconds, 3),
    }


def _summary(outcome: Outcome, seconds: float, *, dry_run: bool) -> str:
    """``3 files copied (1.2 MB) in 0.4 s, 1 file skipped``."""
    parts, would = [], "would be " if dry_run else ""
    for action in WOULD:
        sizes = [done.size for done in outcome.done if done.action == action]
        if sizes:
            much = "" if action in ("skipped", "unchanged") else f" ({amount(sum(sizes))})"
            parts.append(f"{counted(len(sizes))} {would}{WORDS.get(action, (action, action))[len(sizes) != 1]}{much}")
    if outcome.failed:
        parts.append(f"{counted(len(outcome.failed))} {'would fail' if dry_run else 'failed'}")
    said = ", ".join(parts) or "no files"
    return f"dry run, nothing was touched: {said}" if dry_run else f"{said}, in {seconds:.1f} s"
