"""Names and places in SQL text."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
    (?P<skip>
        \b[eE]'(?:[^'\\]|\\.|'')*'          # text with escapes
      | '(?:[^']|'')*'                      # text
      | "(?:[^"]|"")*"                      # an identifier
      | --[^\n]*                            # a comment to the line's end
      | /\*.*?\*/                           # a comment
      | (?<![\w$])(?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag)   # dollar quoting
      | ::\w+ | :=                          # a cast, an assignment
    )
    | (?<![\w\]]):(?P<name>[A-Za-z_]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)


def bind_names(sql: str) -> tuple[str, tuple[str, ...]]:
    """SQL with ``:name`` places made ``$1``, ``$2`` …, and the names in that order; one name stands for one place."""
    names: list[str] = []

    def place(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            return found[0]
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _TOKEN.sub(place, sql), tuple(names)


def place_offsets(sql: str) -> dict[str, int]:
    """The ``:name`` places of SQL, each with where it first stands, in characters."""
    found: dict[str, int] = {}
    for token in _TOKEN.finditer(sql):
        if token["name"] is not None:
            found.setdefault(token["name"], token.start())
    return found


def quote_identifier(name: str) -> str:
    """A table's or column's name as SQL wants it, a schema before a dot apart."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


_END = re.compile(_TOKEN.pattern + r"| (?P<end>;)", re.VERBOSE | re.DOTALL)


def split_statements(script: str) -> list[str]:
    """The statements of an SQL script; a semicolon inside text, a comment or dollar quotes parts nothing."""
    ends = [found.start() for found in _END.finditer(script) if found["end"]]
    parts = [script[start:end] for start, end in zip([0, *(end + 1 for end in ends)], [*ends, len(script)], strict=True)]
    return [part.strip() for part in parts if _COMMENT.sub("", part).strip()]


def statement_starts(script: str) -> list[int]:
    """Where each statement of an SQL script begins, in characters, behind the blanks and comments before it."""
    ends = [found.start() for found in _END.finditer(script) if found["end"]]
    starts: list[int] = []
    for start, end in zip([0, *(end + 1 for end in ends)], [*ends, len(script)], strict=True):
        blank = _BLANK.match(script, start, end)
        begin = blank.end() if blank else start
        if begin < end:
            starts.append(begin)
    return starts


_BLANK = re.compile(r"(?:\s|--[^\n]*|/\*.*?\*/)*", re.DOTALL)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
