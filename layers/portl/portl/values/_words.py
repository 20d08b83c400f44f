"""A template string cut into plain text and expressions, by Jinja's own lexer, with the place of every name."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import TemplateSyntaxError

from portl.errors import TemplateError
from portl.values._sandbox import Sandbox

_REFUSED = {"{%": "statements are not for jobs", "{#": "comments are not for templates"}


@dataclass(frozen=True, slots=True)
class Source:
    """One expression as it is written. ``offset`` is where it begins, ``end`` where the text goes on, in characters."""

    text: str
    offset: int
    end: int
    names: dict[str, deque[int]]
    """The places of each name that is neither an attribute nor a keyword argument, in order."""

    @property
    def start(self) -> int:
        """Where its first word stands."""
        return self.offset + len(self.text) - len(self.text.lstrip())


def refused(message: str, code: str, offset: int, hint: str = "") -> TemplateError:
    """An error at a place in the string."""
    problem = TemplateError(message, code=code, hint=hint)
    problem.offset = offset
    return problem


def cut_words(text: str, sandbox: Sandbox) -> Iterator[str | Source]:
    """The plain parts and the expressions, in order.

    Raises:
        TemplateError: T101, an expression that cannot be read or does not end; T102, ``{%``, ``{#`` or ``{{-``.
    """
    for mark, message in _REFUSED.items():
        if mark in text:
            raise refused(f"{mark} is refused: {message}", "T102", text.index(mark), "only {{ expressions }}")
    at = 0
    # Jinja's lexer makes every line end \n; done here, the places stay true and the plain text stays as it is.
    lexed = text.replace("\r\n", " \n").replace("\r", "\n")
    while (start := text.find("{{", at)) >= 0:
        if start > at:
            yield text[at:start]
        source = _read(lexed, start + 2, sandbox)
        yield source
        at = source.end
    if at < len(text):
        yield text[at:]


def _read(text: str, start: int, sandbox: Sandbox) -> Source:
    if text[start : start + 1] in ("-", "+"):
        raise _trimming(start)
    tokens: list[tuple[str, str, int]] = []
    at = start
    try:
        for _, kind, raw in sandbox.lexer.tokeniter(text[start:], None, state="variable"):
            if kind == "variable_end":
                if raw.startswith("-"):
                    raise _trimming(at)
                return Source(text[start:at], start, at + len(raw), _names(tokens))
            if kind != "whitespace":
                tokens.append((kind, raw, at))
            at += len(raw)
    except TemplateSyntaxError as problem:
        raise refused(f"the expression is not valid: {problem.message}", "T101", at) from None
    raise refused("the expression does not end: }} is missing", "T101", start - 2)


def _trimming(offset: int) -> TemplateError:
    return refused("{{- and -}} are refused: text is kept as it is written", "T102", offset, "a space before a minus: {{ -x }}")


def _names(tokens: list[tuple[str, str, int]]) -> dict[str, deque[int]]:
    places: dict[str, deque[int]] = defaultdict(deque)
    ends = [("", "", 0)]
    for before, (kind, raw, at), after in zip(ends + tokens, tokens, tokens[1:] + ends, strict=False):
        if kind == "name" and before[1] != "." and after[1] != "=":
            places[raw].append(at)
    return places
