"""Dates and points in time from values. Each raises ValueError or TypeError."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Any

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MARK = re.compile(r"%(.?)", re.DOTALL)
_DATE_MARKS = frozenset("aAbBdjmyY%")
_TIME_MARKS = frozenset("HIMSfpz")
"""``%c``, ``%x`` and ``%X`` depend on the locale, ``%Z`` is read without its offset: they are refused."""


def check_form(form: str) -> str:
    """The form, when every mark of it is one that means the same everywhere."""
    for mark in _MARK.findall(form):
        if mark not in _DATE_MARKS | _TIME_MARKS or not mark:
            raise ValueError(f'"%{mark}" is not for dates: there is {" ".join(sorted(_DATE_MARKS | _TIME_MARKS))}')
    return form


def has_time(form: str) -> bool:
    """Whether a form names a part of the day."""
    return not _TIME_MARKS.isdisjoint(_MARK.findall(form))


def parse_moment(text: Any, form: str) -> datetime:
    """The point in time that a text gives in a form of ``strptime``; without an offset it is UTC."""
    return _utc(datetime.strptime(_ascii(text), check_form(form)))  # noqa: DTZ007 - made aware at once


def to_datetime(value: Any) -> datetime:
    """A point in time from ISO 8601; without an offset it is UTC, without a time it is midnight."""
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    return _utc(datetime.fromisoformat(_ascii(value)))


def to_date(value: Any) -> date:
    """A date from ``YYYY-MM-DD``, or from a point in time at midnight: another time would be lost."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and _DATE.fullmatch(value.strip()):
        return date.fromisoformat(value.strip())
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(_ascii(value))
    if moment.time() != time():
        raise ValueError("the time would be lost")
    return moment.date()


def date_helper(value: Any, form: str | None = None) -> date | str:
    """Of text its date, in ISO 8601 or in ``form``; of a date or a point in time its day, or with ``form`` its text."""
    if isinstance(value, date):
        if form is not None:
            return value.strftime(check_form(form))
        return value.date() if isinstance(value, datetime) else value
    return parse_moment(value, form).date() if form is not None else to_datetime(value).date()


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _ascii(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} is no date")
    if any(each.isdigit() and not each.isascii() for each in value):
        raise ValueError("the digits are not 0 to 9")
    return value.strip()
