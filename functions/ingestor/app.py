"""An example Lambda: what a catalogue says about one resource. It stands for a function of yours and knows nothing of Portl."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import Any, NoReturn

# Accents and the selectors behind emoji. Marks of other scripts stay: the vowels of Devanagari are part of its words.
_DROPPED = {*range(0x0300, 0x0370), *range(0xFE00, 0xFE10)}


def handler(event: dict[str, Any], context: object) -> dict[str, str]:  # noqa: ARG001 - Lambda passes it
    """Describes a resource.

    Args:
        event: ``{code, name, payload}``, all text; the payload is JSON text.
        context: Lambda's, not read.

    Returns:
        ``{md5, slug, status}``: the MD5 of the payload as written, a slug of the name, ``published`` or ``draft``.

    Raises:
        ValueError: a field is missing or no text, or the payload is no JSON object.
    """
    code, name, payload = (_text(event, field) for field in ("code", "name", "payload"))
    if not code:
        raise ValueError("code is empty: a resource needs one")
    final = _object(code, payload).get("final") is True
    digest = hashlib.md5(payload.encode(), usedforsecurity=False).hexdigest()
    return {"md5": digest, "slug": _slug(name) or code.lower(), "status": "published" if final else "draft"}


def _text(event: dict[str, Any], field: str) -> str:
    value = event.get(field)
    if not isinstance(value, str):
        raise ValueError(f"{field} must be text; it is {type(value).__name__ if field in event else 'missing'}")  # noqa: TRY004
    return value


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
