from __future__ import annotations

from portl.jobs._rules._check import Check, compiled_or_none
from portl.jobs._rules.expressions import compiles
from portl.jobs._rules.references import param_is_declared


def _checksum(path: str, version: str | None = None) -> str:
    """Only how it is called is looked at here."""
    return f"{path} {version}"


_FUNCTIONS = {"checksum": _checksum}


def run_key_reads_params(check: Check) -> None:
    """J101, J102, J104, J205, J206: ``run_key`` reads params only, and may take ``checksum(path)``."""
    text = check.job.run_key
    if text is None:
        return
    path = ("run_key",)
    compiles(check, path, text, _FUNCTIONS)
    compiled = compiled_or_none(text, _FUNCTIONS)
    for reference in compiled.references if compiled else ():
        if reference.path[0] == "params":
            param_is_declared(check, path, reference)
        else:
            text = f"run_key reads params only, not {reference.path[0]}"
            check.add(path, "J206", text, "two runs with one key are the same run", offset=reference.offset)
