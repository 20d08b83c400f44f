from __future__ import annotations

import difflib
import re

from portl.jobs._rules._check import Check, leaves
from portl.jobs._yaml import Path

_KINDS = ("env", "secret")
_MARK = re.compile(r"\$\{(?P<word>\w*)(?P<rest>[^}]*)(?P<end>\}?)")
_RESOLVED = re.compile(r"\$\{(?:env|secret):[^}]{0,200}\}")
_LIKELY = 0.5
_RESOLVED_WHERE = "marks are resolved in connections and headers only"


def marks_can_be_resolved(check: Check) -> None:
    """J502: a mark in a connection or a header is one that Portl knows. J503: none stands where it is sent as it is."""
    for where, spec in check.declared():
        for path, text in leaves(spec, where):
            _known(check, path, text)
    for placed in check.steps:
        for path, text in check.leaves(placed):
            if path[len(placed.path)] == "headers":
                _known(check, path, text)
            elif mark := _RESOLVED.search(text):
                check.add(
                    path, "J503", f"{mark[0]} is not resolved here: it stays as it is", _RESOLVED_WHERE, offset=mark.start()
                )

    for at, trigger in enumerate(check.job.triggers):
        for path, text in leaves(trigger.params, ("triggers", at, "params")):
            if mark := _RESOLVED.search(text):
                check.add(
                    path, "J503", f"{mark[0]} is not resolved here: it stays as it is", _RESOLVED_WHERE, offset=mark.start()
                )


def _known(check: Check, path: Path, text: str) -> None:
    for mark in _MARK.finditer(text):
        wrong = _wrong(mark)
        if wrong:
            check.add(path, "J502", *wrong, offset=mark.start())


def _wrong(mark: re.Match[str]) -> tuple[str, str] | None:
    """What is wrong with a mark, and the way out. Without a colon it may be text of the job's own: only a name is told."""
    word, rest = mark["word"], mark["rest"]
    name = rest[1:].strip()
    if rest.startswith(":"):
        kind = _meant(word)
        if word != kind:
            hint = f'did you mean "${{{kind}:{name}}}"?' if kind else "marks are ${env:X} and ${secret:X}"
            return f"{mark[0]} is no mark that is resolved", hint
        if not mark["end"]:
            return f"{mark[0]} is not ended", f"write ${{{kind}:{name}}}"
        if name != rest[1:] or not name:
            return f"{mark[0]} names nothing" if not name else f"{mark[0]} has spaces around its name", _example(kind, name)
    elif word and not rest and mark["end"]:
        return f"{mark[0]} is no mark that is resolved", f"write ${{env:{word}}}"
    return None


def _example(kind: str, name: str) -> str:
    return f"write ${{{kind}:{name or ('NAME' if kind == 'env' else 'name')}}}"


def _meant(word: str) -> str:
    """The kind of mark that a word is, or is nearly; nothing when it is near none."""
    return next(iter(difflib.get_close_matches(word.lower(), _KINDS, n=1, cutoff=_LIKELY)), "")
