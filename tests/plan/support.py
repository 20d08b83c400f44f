"""A plan beside the run that follows it: the two lists of intents, compared object by object."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flows.support import Ended, portl

Intent = dict[str, Any]


def lines(text: str) -> list[Intent]:
    return [json.loads(line) for line in text.splitlines()]


def planned(tmp_path: Path, *arguments: str, **variables: str) -> list[Intent]:
    ended = portl(tmp_path, "plan", *arguments, "--json", **variables)
    assert ended.code == 0, ended.err
    return lines(ended.out)


def done(tmp_path: Path, *arguments: str, **variables: str) -> tuple[Ended, list[Intent]]:
    before = set((tmp_path / "runs").glob("*"))
    ended = portl(tmp_path, "run", *arguments, "--intents", **variables)
    (folder,) = set((tmp_path / "runs").glob("*")) - before
    return ended, lines((folder / "intents.jsonl").read_text("utf-8"))


def matches(plan: Any, run: Any) -> bool:
    """Whether a planned value is the one of the run; a placeholder stands for what only a call could know."""
    if isinstance(plan, Mapping) and "$unknown" in plan:
        return re.fullmatch(plan.get("pattern", ".*"), run if isinstance(run, str) else json.dumps(run), re.DOTALL) is not None
    if isinstance(plan, Mapping) and isinstance(run, Mapping):
        return plan.keys() == run.keys() and all(matches(plan[name], run[name]) for name in plan)
    if isinstance(plan, list) and isinstance(run, list):
        return len(plan) == len(run) and all(map(matches, plan, run))
    return type(plan) is type(run) and plan == run


def both_ways(job: Mapping[str, Any], plan: Iterable[Intent], run: Iterable[Intent]) -> set[tuple[str, int | None]]:
    """The intents that a plan shows because only the run could decide against them: those of the branch not taken."""
    undecided = {
        (each["step"], each["record"]) for each in plan if each["kind"] == "decide" and not isinstance(each["branch"], str)
    }
    taken = {(each["step"], each["record"]): each["branch"] for each in run if each["kind"] == "decide"}
    out = set()
    for step, record in undecided & taken.keys():
        for branch, inner in job[step].items():
            if branch != taken[step, record]:
                out |= {(each, record) for each in inner}
    return out


def compare(plan: list[Intent], run: list[Intent], *, left_out: set[tuple[str, int | None]] = frozenset()) -> None:
    """Every planned intent is one of the run, and every intent of the run was planned; order within a step is by record."""
    shown = sorted(
        (each for each in plan if each["kind"] not in ("when", "known") and (each["step"], each["record"]) not in left_out),
        key=place,
    )
    made = sorted(run, key=place)
    assert [place(each) for each in shown] == [place(each) for each in made]
    assert [(a, b) for a, b in zip(shown, made, strict=True) if not matches(a, b)] == []
    assert shown


def place(intent: Intent) -> tuple[str, str, int]:
    return intent["step"], intent["kind"], -1 if intent["record"] is None else intent["record"]
