from __future__ import annotations

import re

from portl.jobs._connections import kind_of
from portl.jobs._diagnostics import closest
from portl.jobs._rules._check import Check

_FOLDER = re.compile(r"[A-Za-z][\w-]*")


def functions_are_there(check: Check) -> None:
    """J214: the folder of functions/ that a lambda connection names is there."""
    for path, spec in check.declared():
        folder = spec.get("function")
        if kind_of(spec) != "lambda" or not isinstance(folder, str) or not _FOLDER.fullmatch(folder):
            continue
        if check.functions is not None and folder not in check.functions:
            check.add((*path, "function"), "J214", f'there is no function "{folder}"', closest(folder, check.functions))
