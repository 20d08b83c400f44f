from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from portl.jobs import CODES, Diagnostic
from portl_cli.commands._findings.report import Checked

VERSION = 1
"""Grows when a field changes its meaning or goes; a new field does not change it."""


def json_document(checked: Sequence[Checked]) -> str:
    """The document that docs/checks.md describes."""
    document = {
        "version": VERSION,
        "files": [_file(each) for each in checked],
        "errors": sum(each.count("error") for each in checked),
        "warnings": sum(each.count("warning") for each in checked),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _file(checked: Checked) -> dict[str, Any]:
    machine = {"segments": checked.segments, "payload_bytes": checked.payload_bytes} if checked.right else None
    return {
        "file": checked.file,
        "right": checked.right,
        "machine": machine,
        "findings": [_finding(each) for each in checked.findings],
    }


def _finding(found: Diagnostic) -> dict[str, Any]:
    return {
        "line": found.line,
        "column": found.column,
        "code": found.code,
        "level": found.level,
        "message": found.message,
        "hint": found.hint,
        "path": list(found.path),
        "title": CODES[found.code].title,
        "way_out": CODES[found.code].way_out,
    }
