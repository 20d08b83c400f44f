"""SARIF 2.1.0, as code scanning reads it.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

from portl.jobs import CODES, Code, Diagnostic
from portl_cli.commands._findings.report import Checked

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
DISTRIBUTION = "portl-serverless"
_INDEX = {code: at for at, code in enumerate(CODES)}


def sarif_log(checked: Sequence[Checked]) -> str:
    """One log with one run. Columns count characters, as Portl does; paths below the working folder are relative to it."""
    about = metadata(DISTRIBUTION)
    driver: dict[str, Any] = {"name": "portl", "semanticVersion": about["Version"]}
    documentation = documentation_url(about.get_all("Project-URL") or [])
    driver["rules"] = [_rule(name, code, documentation) for name, code in CODES.items()]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(found) for each in checked for found in each.findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def documentation_url(urls: Sequence[str]) -> str:
    """Where the package says that its documentation is (``Documentation, https://…``), or nothing."""
    found = dict(each.split(", ", 1) for each in urls)
    return found.get("Documentation", "").rstrip("/")


def _rule(name: str, code: Code, documentation: str) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": name,
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": code.cause},
        "help": {"text": f"{code.cause} {code.way_out}", "markdown": f"{code.cause}\n\n**Way out.** {code.way_out}"},
        "defaultConfiguration": {"level": code.level},
    }
    return {**rule, "helpUri": f"{documentation}/errors/{name}.md"} if documentation else rule


def _result(found: Diagnostic) -> dict[str, Any]:
    text = f"{found.message}; {found.hint}" if found.hint else found.message
    region = {"startLine": found.line, "startColumn": found.column}
    location = {"physicalLocation": {"artifactLocation": _artifact(found.file), "region": region}}
    return {
        "ruleId": found.code,
        "ruleIndex": _INDEX[found.code],
        "level": found.level,
        "message": {"text": text},
        "locations": [location],
    }


def _artifact(file: str) -> dict[str, str]:
    path = Path(file).absolute()
    if path.is_relative_to(Path.cwd()):
        return {"uri": quote(path.relative_to(Path.cwd()).as_posix()), "uriBaseId": "%SRCROOT%"}
    return {"uri": path.as_uri()}
