"""What EventBridge Scheduler takes for a schedule.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

_FORM = re.compile(r"(cron|rate|at)\((.*)\)", re.DOTALL)
_RATE = re.compile(r"([1-9]\d*) (minute|hour|day)s?")
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_FIELDS: tuple[tuple[str, int, int, list[str], str], ...] = (
    ("minutes", 0, 59, [], r""),
    ("hours", 0, 23, [], r""),
    ("day of the month", 1, 31, [], r"\?|L|LW|\d{1,2}W"),
    ("month", 1, 12, _MONTHS, r""),
    ("day of the week", 1, 7, _DAYS, r"\?|L|[1-7]L|(?:[1-7]|[A-Z]{3})#[1-5]"),
    ("year", 1970, 2199, [], r""),
)
"""The fields of cron: what each is called, its least and greatest number, its names, and what else may stand there."""
_DAY_OF_MONTH, _DAY_OF_WEEK = 2, 4


def wrong_schedule(text: str) -> str:
    """Why a text is no schedule; empty when it is one."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        return "it is none of cron(…), rate(…) and at(…)"
    kind, inside = found[1], found[2].strip()
    if kind == "rate":
        return "" if _RATE.fullmatch(inside) else "a rate is a number above 0 and minutes, hours or days"
    return _wrong_moment(inside) if kind == "at" else _wrong_cron(inside.split())


def wrong_timezone(name: str) -> str:
    """Why a name is no time zone; empty when it is one, or when this machine knows none."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return f"there is no time zone {name!r}" if available_timezones() else ""
    return ""


def _wrong_moment(text: str) -> str:
    try:
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007 - its zone is told beside it
    except ValueError:
        return "a moment is written 2026-12-24T18:00:00, its zone under timezone"
    return ""


def _wrong_cron(parts: list[str]) -> str:
    if len(parts) != len(_FIELDS):
        return f"cron has {len(_FIELDS)} fields (minutes hours day-of-month month day-of-week year), not {len(parts)}"
    for part, field in zip(parts, _FIELDS, strict=True):
        if not all(_fits(each, field) for each in part.upper().split(",")):
            return f"{part} is no {field[0]} of cron"
    if (parts[_DAY_OF_MONTH] == "?") == (parts[_DAY_OF_WEEK] == "?"):
        return "one of day of the month and day of the week is ?, and only one"
    return ""


def _fits(item: str, field: tuple[str, int, int, list[str], str]) -> bool:
    _, least, greatest, names, special = field
    if special and re.fullmatch(special, item):
        return True
    span, slash, step = item.partition("/")
    if slash and not (step.isdecimal() and 1 <= int(step) <= greatest):
        return False
    if span == "*":
        return True
    ends = [_number(each, names, least, greatest) for each in span.split("-")]
    return len(ends) in (1, 2) and None not in ends


def _number(text: str, names: list[str], least: int, greatest: int) -> int | None:
    number = names.index(text) + least if text in names else int(text) if text.isdecimal() else None
    return number if number is not None and least <= number <= greatest else None
