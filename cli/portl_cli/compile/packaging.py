"""What is too large to stand in a state machine stands beside it, under the hash of its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from portl.jobs import decode_spec
from portl.runs import SPEC_REFERENCE

LARGEST_BYTES = 8 * 1024
"""A larger spec of a step is packaged. A state holds 256 KiB at most, with everything that is in it.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""


def standing(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What of a lowered spec stands in the state machine: itself, or its id, its type and its hash."""
    text = packaged_text(spec)
    if text is None:
        return dict(spec)
    return {"id": spec["id"], "type": spec["type"], SPEC_REFERENCE: digest(text)}


def packaged_text(spec: Mapping[str, Any]) -> str | None:
    """The content of a packaged spec's file, the same for the same spec always; None for one that is small enough."""
    if len(json.dumps(spec, ensure_ascii=False).encode()) <= LARGEST_BYTES:
        return None
    return json.dumps(decode_spec(spec), indent=2, ensure_ascii=False) + "\n"


def digest(text: str) -> str:
    """The name of a packaged spec: the SHA-256 of its UTF-8 content, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
