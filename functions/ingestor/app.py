"""An example Lambda: what a catalogue says about one resource. It stands for a function of yours and knows nothing of Portl."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import Any, NoReturn

# Accents and the selectors behind emoji. Marks of other scripts stay: the vowels of Devanagari are part of its words.
_DROPPED = {*range(0x0300, 0x0370), *range(0xFE00, 0xFE10)}


def handler(event: dict[str, Any], context: object) -> dict[str, str]:  # noqa: ARG001 - Lambda passes it
    """Answers ``{md5, slug, status}`` of ``{code, name, payload}``, all text, the payload that of a JSON object.

    Raises:
        ValueError: a field is missing or no text, the code is empty, or the payload is no JSON object.
    """
    for field in ("code", "name", "payload"):
        if not isinstance(event.get(field), str):
            given = type(event[field]).__name__ if field in event else "missing"
            raise ValueError(f"{field} must be text; it is {given}")  # noqa: TRY004
    code, name, payload = event["code"], event["name"], event["payload"]
    if not code:
        raise ValueError("code is empty: a resource needs one")
    status = "published" if _object(code, payload).get("final") is True else "draft"
    digest = hashlib.md5(payload.encode(), usedforsecurity=False).hexdigest()
    return {"md5": digest, "slug": _slug(name) or code.lower(), "status": status}


def _object(code: str, payload: str) -> dict[str, Any]:
    try:
        found = json.loads(payload, parse_constant=_refuse)
    except (ValueError, RecursionError) as problem:
        raise ValueError(f"the payload of {code} is no JSON: {problem}") from problem
    if not isinstance(found, dict):
        raise ValueError(f"the payload of {code} must be a JSON object; it is {type(found).__name__}")  # noqa: TRY004
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no value of JSON")


def _slug(name: str) -> str:
    letters = (each for each in unicodedata.normalize("NFKD", name).lower() if ord(each) not in _DROPPED)
    kept = (each if unicodedata.category(each)[0] in "LMN" else " " for each in letters)
    return unicodedata.normalize("NFC", "-".join("".join(kept).split()))
