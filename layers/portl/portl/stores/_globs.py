"""Patterns over paths: ``*`` and ``?`` inside a part, ``[..]``, ``{a,b}``, and ``**`` over any number of parts."""

from __future__ import annotations

import re

from portl.errors import InvalidPath

_SPECIAL = re.compile(r"[*?\[{]")
_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[(?P<not>!?)(?P<set>\][^\]]*|[^\]]+)\]|\{(?P<either>[^{}]*)\}|(?P<plain>.)", re.DOTALL)
_INSIDE = re.compile(r"(.)-(.)|(.)", re.DOTALL)
_NESTED = re.compile(r"\{[^{}]*\{[^{}]*\}[^{}]*\}")
_WORDS = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class Pattern:
    """A pattern made ready. ``folder`` is the part of it that is plain: only what is in there has to be listed."""

    def __init__(self, pattern: str) -> None:
        if not pattern or pattern.startswith("/") or ".." in pattern.split("/"):
            raise InvalidPath(f"{pattern!r} is no pattern of a store", hint="a relative one with / and no ..", path=pattern)
        if _NESTED.search(pattern):
            raise InvalidPath(f"{pattern!r} has braces inside braces", hint="as {a,b,c}: each of them by itself", path=pattern)
        plain = _SPECIAL.split(pattern, maxsplit=1)[0]
        self.folder = plain.rpartition("/")[0]
        rest = pattern[len(self.folder) :].removeprefix("/")
        self.deep = "/" in rest or "**" in rest
        self._names_folder = pattern.endswith("/")
        self._fits = re.compile(_regex(pattern), re.DOTALL)

    def fits(self, path: str) -> bool:
        """Whether a path is meant. ``*`` is a name: an object that stands for a folder, ``a/``, has none in it."""
        return (self._names_folder or not path.endswith("/")) and self._fits.fullmatch(path) is not None


def _regex(pattern: str) -> str:
    return "".join(_one(found) for found in _TOKEN.finditer(pattern))


def _one(found: re.Match[str]) -> str:
    if found["plain"] is not None:
        return re.escape(found["plain"])
    if found["set"] is not None:
        return f"(?![/])[{'^' if found['not'] else ''}{_set(found['set'])}]"
    if found["either"] is not None:
        return f"(?:{'|'.join(_regex(each) for each in found['either'].split(','))})"
    return _WORDS[found[0]]


def _set(written: str) -> str:
    """Of a set only the - between two characters means something."""
    inside = []
    for first, last, alone in _INSIDE.findall(written):
        if first > last:
            text = f"[{written}] is no set of characters: {first} comes behind {last}"
            raise InvalidPath(text, hint=f"[{last}-{first}], or a - at the end of the set", path=written)
        inside.append(re.escape(alone) if alone else f"{re.escape(first)}-{re.escape(last)}")
    return "".join(inside)
