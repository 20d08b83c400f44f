from __future__ import annotations

import json
from typing import Any

from portl.values import Unknown


def shown(value: Any) -> str:
    """JSON text in which what is unknown stands bare: ``{"md5": <enrich[0].md5>}``."""
    if isinstance(value, Unknown):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(shown, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
