"""Keeps secrets out of everything that is written down."""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from portl.values._unknown import Unknown

MASK = "***"
SHORTEST = 3
"""A shorter secret is masked only where it is the whole text: anywhere else it would blank half of it and hide nothing."""
_SIGNED = re.compile(r"(?i)\b(x-amz-signature|x-amz-security-token|sig|signature)=[^&\s\"'<>\\]{16,}")
"""What signs an address: whoever has it can use the address, whoever made it."""
_SHORTEST_LINE = 8
_SHORTEST_CODE = 8


class Redactor:
    """Masks known secrets wherever they appear: as they are, in JSON (once or twice), URLs, HTML, Base64 and ``repr``.

    Base64 is found inside a longer coded text too, as in ``user:password``. Of a secret of several lines each long line counts.
    """

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._short: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()

    def add(self, secret: str) -> None:
        """Makes a value secret from now on. An empty one is none."""
        with self._lock:
            if len(secret) < SHORTEST:
                self._short |= {secret} - {""}
                return
            self._forms.update(_forms(secret))
            longest_first = sorted(self._forms, key=len, reverse=True)
            self._pattern = re.compile("|".join(re.escape(form) for form in longest_first))

    def text(self, text: str) -> str:
        """The text with every secret masked."""
        if text in self._short:
            return MASK
        pattern = self._pattern
        if pattern is not None and pattern.search(text) is not None:
            text = _masked(text, pattern)
        return _SIGNED.sub(rf"\1={MASK}", text) if "=" in text else text

    def tree(self, value: Any) -> Any:
        """The JSON value with every secret masked, in keys and numbers too."""
        masked = self._tree(value)
        return value if masked == value else masked

    def _tree(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self._tree(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._tree(item) for item in value]
        if isinstance(value, Unknown):
            shown = self.text(value.shown)
            return value if shown == value.shown else Unknown(shown)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return MASK if self.text(str(value)) != str(value) else value
        return value


def _masked(text: str, pattern: re.Pattern[str]) -> str:
    """Secrets that overlap are masked as one: masking the first would leave the tail of the second."""
    parts: list[str] = []
    done, found = 0, pattern.search(text)
    while found:
        start, end = found.span()
        inside = pattern.search(text, start + 1)
        while inside and inside.start() < end:
            end = max(end, inside.end())
            inside = pattern.search(text, inside.start() + 1)
        parts += [text[done:start], MASK]
        done, found = end, inside
    return "".join([*parts, text[done:]])


def _forms(secret: str) -> Iterator[str]:
    for part in {secret, secret.strip(), *_lines(secret)}:
        if len(part) >= SHORTEST:
            yield from _written(part)
            yield from _coded(part)


def _lines(secret: str) -> Iterator[str]:
    return (line.strip() for line in secret.splitlines() if len(line.strip()) >= _SHORTEST_LINE)


def _written(secret: str) -> Iterator[str]:
    yield secret
    yield repr(secret)[1:-1]
    yield html.escape(secret)
    for plain in (True, False):
        once = json.dumps(secret, ensure_ascii=plain)[1:-1]
        yield once
        yield json.dumps(once, ensure_ascii=plain)[1:-1]
    for kept in ("", "/"):
        encoded = quote(secret, safe=kept, errors="replace")
        yield encoded
        yield re.sub(r"%..", lambda code: code.group().lower(), encoded)
    yield quote_plus(secret, errors="replace")


def _coded(secret: str) -> Iterator[str]:
    """What Base64 makes of the secret wherever it stands in a longer text: three ways, without the edges."""
    raw = secret.encode(errors="replace")
    for ahead in range(3):
        code = base64.b64encode(bytes(ahead) + raw).decode()
        core = code[-(-ahead * 8 // 6) : (ahead + len(raw)) * 8 // 6]
        if len(core) >= _SHORTEST_CODE:
            yield core
            yield core.replace("+", "-").replace("/", "_")


REDACTOR = Redactor()
"""The secrets this process has met."""


def shortened(text: str, most: int) -> str:
    """At most so many characters of a text, its secrets masked first: half of one would not be known any more."""
    masked = REDACTOR.text(text)
    return masked if len(masked) <= most else masked[:most] + "…"


def redact(value: Any) -> Any:
    """Text or a JSON value, with every secret this process has met masked."""
    return REDACTOR.tree(value)
