from __future__ import annotations

from collections.abc import Collection, Mapping

from pydantic import BaseModel

from portl.jobs._diagnostics import Diagnostic
from portl.jobs._explained import honest
from portl.jobs._mending import NOTHING_BROKEN, Broken
from portl.jobs._models import Job
from portl.jobs._rules import RULES, Check
from portl.jobs._yaml import Document


def check_job(
    job: Job,
    file: str,
    document: Document,
    connections: Mapping[str, type[BaseModel]],
    broken: Broken = NOTHING_BROKEN,
    functions: Collection[str] | None = None,
) -> list[Diagnostic]:
    """Every finding in a job, those left out that something ``broken`` in its form could explain.

    What stands behind an anchor is told once, however many aliases lead to it.

    ``connections`` are the models of connections by ``type``, ``functions`` the folders of functions/ when they are known.
    """
    check = Check(job, file, document, connections, broken, functions)
    for rule in RULES:
        rule(check)
    told = {(each.file, each.line, each.column, each.code, each.message): each for each in reversed(check.findings)}
    return honest(list(told.values()), broken)
