from __future__ import annotations

from portl.jobs._rules._check import Check


def steps_agree_with_themselves(check: Check) -> None:
    """J004, J207, J304: what a step type itself finds wrong, in its ``findings()``; J304, J307 also in the files it names."""
    for placed in check.steps:
        finder = getattr(placed.step, "findings", None)
        for path, code, message, hint in finder() if finder else ():
            check.add((*placed.path, *path), code, message, hint)
        check.findings += placed.step.findings_in_files()
