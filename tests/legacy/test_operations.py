"""Operations of the older form do what transforms of a mapping do (jobs.md J7, T4)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from portl.values import compile_mapping
from portl_cli.legacy._operations import as_transform

DONE = [
    ("lowercase", None, "ÄB", "äb"),
    ("UPPER", None, "äb", "ÄB"),
    ("strip", None, " a ", "a"),
    ("date", "DD.MM.YYYY", "01.02.2026", date(2026, 2, 1)),
    ("date_format", "%Y/%m/%d", "2026/02/01", date(2026, 2, 1)),
    ("datetime", "YYYY-MM-DD HH:mm:ss", "2026-02-01 10:20:30", datetime(2026, 2, 1, 10, 20, 30)),  # noqa: DTZ001
    ("number", None, "1,234.5", Decimal("1234.5")),
    ("parse-number", "#.##0,00", "1.234,50", Decimal("1234.50")),
    ("number", ",", "12,5", Decimal("12.5")),
    ("number", "# ##0,00", "1 234,50", Decimal("1234.50")),
    ("integer", None, "7", 7),
    ("to_float", None, "1.5", 1.5),
    ("boolean", None, "true", True),
    ("md5", None, "a", "0cc175b9c0f1b6a831c399e269772661"),
]


@pytest.mark.parametrize(("operation", "form", "value", "wanted"), DONE)
def test_an_operation_gives_what_it_gave(operation: str, form: str | None, value: str, wanted: Any) -> None:
    change = as_transform(operation, form)
    mapping = compile_mapping({"c": {"from": "{{ row.v }}", "transforms": [change]}})
    found = mapping.apply({"row": {"v": value}})
    made = found["c"]
    if isinstance(wanted, datetime):
        made = made.replace(tzinfo=None)
    assert (made, type(made)) == (wanted, type(wanted))


@pytest.mark.parametrize(
    ("operation", "form"), [("rot13", None), ("date", None), ("upper", "x"), ("number", "a lot"), ("", None)]
)
def test_what_has_no_equal_is_none(operation: str, form: str | None) -> None:
    assert as_transform(operation, form) is None
