from __future__ import annotations

import json
import re
import threading
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 3
"""A secret of one or two characters is not masked: it would blank half of every text and hide nothing."""


class Redactor:
    """Masks known secrets wherever they appear: as they are, inside JSON text, or percent-encoded."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()

    def add(self, secret: str) -> None:
        """Makes a value secret from now on."""
        if len(secret) < SHORTEST:
            return
        escaped = json.dumps(secret)[1:-1]
        plain = json.dumps(secret, ensure_ascii=False)[1:-1]
        with self._lock:
            self._forms |= {secret, escaped, plain, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}
            longest_first = sorted(self._forms, key=len, reverse=True)
            self._pattern = re.compile("|".join(re.escape(form) for form in longest_first))

    def text(self, text: str) -> str:
        """The text with every secret masked."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def tree(self, value: Any) -> Any:
        """The JSON value with every secret masked, in keys too."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.tree(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.tree(item) for item in value]
        return value


REDACTOR = Redactor()
"""The secrets this process has met."""


def redact(value: Any) -> Any:
    """Text or a JSON value, with every secret this process has met masked."""
    return REDACTOR.tree(value)
