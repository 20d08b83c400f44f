"""Writes statemachines/resource_sync/resources.csv, the file of the demo: ``python tests/data/make_resources.py``.

The same bytes every time; nothing in it is about a real person or thing.
"""

from __future__ import annotations

import csv
import io
import json
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path

TARGET = Path(__file__).parents[2] / "statemachines" / "resource_sync" / "resources.csv"
COLUMNS = ("code", "source", "name", "payload", "updated_at")
RECORDS, TWICE, THRICE = 3500, 240, 60
SOURCES = ("archive", "library", "museum", "press")
OFFSETS = (0, 60, 120, 180, 330, 540, -300, -480)  # minutes; 330 is India's, a half hour
BASE = datetime(2025, 1, 6, 8, 0, tzinfo=timezone(timedelta(0)))
NAMES = (
    "Annual report",
    "Ετήσια έκθεση",
    "Οδός Αθηνάς, χάρτης",
    "Годовой отчёт",
    "Письма, том «Б»",
    "تقرير سنوي",
    "خريطة المدينة",
    "年度报告",
    "東京の地図",
    "연례 보고서",
    "Café crème à l'été",
    "Übergröße, groß",
    "Łódź, plan miasta",
    "O'Brien's field notes",
    'The "blue" folder',
    "Size 5\" pipe, 10' long",
    "Two lines\nin one name",
    "Press kit 🚀",
    "Family album 👩‍👧‍👦",
    "Ǆ, ﬁne print; tabs\tand | bars",
    " padded ",
    "NULL",
    "=1+1",
    "007",
)
NOTES = (
    'called "final" by the author',
    "first line\nsecond line",
    "C:\\scans\\box 7",
    "δεν υπάρχει",
    "см. также",
    "راجع",
    "未定",
    "it's late, again",
    "",
)
TAGS = ("map", "print", "été", "αρχείο", "новое", "خاص", "写真", "🗂")


def build() -> bytes:
    """The whole file, UTF-8, with LF at the end of every record."""
    chance = random.Random(20250106)  # noqa: S311 - the file must come out the same every time
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_record(chance, number, at) for at, number in enumerate(_numbers(chance)))
    return text.getvalue().encode()


def _numbers(chance: random.Random) -> list[int]:
    """The number of each record's resource: most once, TWICE of them twice and THRICE of them three times."""
    numbers = list(range(RECORDS - TWICE - 2 * THRICE))
    again = chance.sample(numbers, TWICE + THRICE)
    for number in [*again, *again[:THRICE]]:
        numbers.insert(chance.randint(numbers.index(number) + 1, len(numbers)), number)
    return numbers


def _record(chance: random.Random, number: int, at: int) -> tuple[str, ...]:
    source = SOURCES[number % 2 + 2 * (number // 7 % 2)]
    return f"RS-{number // 2:05d}", source, _name(number), _payload(chance, number), _moment(chance, at)


def _name(number: int) -> str:
    return "" if number % 53 == 0 else NAMES[number % len(NAMES)] + ("", " 2", f" {number}")[number % 5 % 3]


def _payload(chance: random.Random, number: int) -> str:
    # A quarter of the resources that come again come unchanged: those make no new version.
    chance = random.Random(number) if number % 4 == 0 else chance  # noqa: S311
    found = {
        "final": chance.random() < 0.6,
        "pages": chance.randint(1, 900),
        "price": round(chance.uniform(0, 99), 2),
        "title": _name(number) or None,
        "note": chance.choice(NOTES),
        "place": {"shelf": f"{chance.choice('ABCD')}{chance.randint(1, 40)}", "box": chance.choice((None, 7, 12))},
        "tags": chance.sample(TAGS, chance.randint(0, 3)),
    }
    return json.dumps(found, ensure_ascii=chance.random() < 0.1, indent=1 if chance.random() < 0.03 else None)


def _moment(chance: random.Random, at: int) -> str:
    if chance.random() < 0.03:
        return ""
    zone = timezone(timedelta(minutes=chance.choice(OFFSETS)))
    return (BASE + timedelta(minutes=7 * at)).astimezone(zone).isoformat()


if __name__ == "__main__":
    TARGET.write_bytes(build())
