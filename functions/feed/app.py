"""An example Lambda: a supplier's feed of resources, the same for the same batch. It stands for a function of yours."""

from __future__ import annotations

import hashlib
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

_DISTINCT, _REPEATED = 270, 30
_BASE = datetime(2025, 3, 1, 6, 0, tzinfo=UTC)
_SOURCES = ("press", "archive", "museum")
_NAMES = ("Café crème", "Δελτίο τύπου", "Годовой отчёт", "تقرير سنوي", "年次報告書", "O'Brien's notes", "ग्रंथ सूची")
_SLUGS = ("cafe-creme", "δελτιο-τυπου", "годовои-отчет", "تقرير-سنوي", "年次報告書", "o-brien-s-notes", "ग्रंथ-सूची")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Gives the records of ``{batch_id}``, a text; some (code, source) come twice, the later one changed and newer.

    Raises:
        ValueError: there is no batch_id.
    """
    batch_id = event.get("batch_id")
    if not isinstance(batch_id, str) or not batch_id:
        raise ValueError("batch_id is needed: the feed is asked for one batch, by a text that names it")
    chance = random.Random(f"feed:{batch_id}")  # noqa: S311 - the same batch must give the same records
    numbers = list(range(_DISTINCT))
    for number in chance.sample(numbers, _REPEATED):
        numbers.insert(chance.randint(number + 1, len(numbers)), number)
    return {"batch_id": batch_id, "records": [_record(chance, number, at) for at, number in enumerate(numbers)]}


def _record(chance: random.Random, number: int, at: int) -> dict[str, str]:
    name, final = f"{_NAMES[number % len(_NAMES)]} {number}", chance.choice((True, False))
    payload = json.dumps({"final": final, "edition": at, "pages": chance.randint(1, 900), "title": name}, ensure_ascii=False)
    return {
        "code": f"FD-{number:04d}",
        "source": _SOURCES[number % len(_SOURCES)],
        "name": name,
        "payload": payload,
        "md5": hashlib.md5(payload.encode(), usedforsecurity=False).hexdigest(),
        "slug": f"{_SLUGS[number % len(_SLUGS)]}-{number}",
        "status": "published" if final else "draft",
        "updated_at": f"{_BASE + timedelta(minutes=at):%Y-%m-%dT%H:%M:%SZ}",
    }
