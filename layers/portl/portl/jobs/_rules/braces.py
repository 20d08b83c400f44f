from __future__ import annotations

import re

from portl.jobs._rules._check import Check, Placed

_TEMPLATE = re.compile(r"\{\{.{0,2000}?\}\}", re.DOTALL)
_ROOTS = frozenset({"params", "steps", "run", "now", "idx"})
_WHOLE = frozenset({"when", "if"})
"""Fields that are one expression and nothing else, which another rule asks for."""


def braces_come_in_pairs(check: Check) -> None:
    """J103: ``{ row.code }}`` and ``row.code }}`` are text, and hardly meant so. JSON may end in two braces."""
    for placed in check.steps:
        lone = _lone(placed)
        for path, text in check.leaves(placed):
            if "}}" not in text or path[-1] in _WHOLE:
                continue
            rest = _TEMPLATE.sub(lambda found: " " * len(found[0]), text)
            if found := lone.search(rest):
                shown = " ".join(found[0].split())
                hint = f"write {{{{ {(found['braced'] or found['bare']).strip()} }}}}"
                check.add(path, "J103", f'"{shown}" is text and no expression', hint, offset=found.start())


def _lone(placed: Placed) -> re.Pattern[str]:
    """An expression that ends in two braces and begins with one or none: a path from a known name, or the name in braces."""
    known = _ROOTS | ({placed.batch.alias} if placed.batch else {name for _, name in placed.step.own_names()})
    roots = "|".join(sorted(map(re.escape, known)))
    path = r"(?:\.\w+|\[[^\]{}]*\])"
    ends = r"\s*(?:\|[^{}]{0,200})?"
    braced = rf"\{{\s*(?P<braced>(?:{roots})\b{path}*{ends})"
    bare = rf"(?<![\w.$\"'])(?P<bare>(?:{roots}){path}+{ends})"
    return re.compile(rf"(?:{braced}|{bare})\}}\}}")
