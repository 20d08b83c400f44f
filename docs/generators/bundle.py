"""The tables of ``docs/bundle.md``: what each function may do and each parameter means, read off ``template.yaml``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from portl_cli.engine.template import read_document

ROOT = Path(__file__).resolve().parents[2]
PAGE = "docs/bundle.md"
BEGIN, END = "<!-- {} begin: written by docs/generate.py -->\n", "<!-- {} end -->\n"
RIGHTS = {"RunsPolicy": "results of runs", "OutgoingFilesPolicy": "writes files", "DatabasePolicy": "RDS by IAM"}


def outputs() -> dict[str, str]:
    """See docs/generate.py."""
    document = read_document(ROOT / "template.yaml")
    text = (ROOT / PAGE).read_text("utf-8")
    for name, rows in (("functions", functions(document["Resources"])), ("parameters", parameters(document["Parameters"]))):
        begin, end = BEGIN.format(name), END.format(name)
        before, found, rest = text.partition(begin)
        after = rest.partition(end)[2]
        if not found:
            raise ValueError(f"{PAGE} has no marks of {name}")
        text = before + begin + "".join(f"{row}\n" for row in rows) + end + after
    return {PAGE: text}


def functions(resources: dict[str, Any]) -> Iterator[str]:
    """A row for each function."""
    yield "| function | step | layers | rights that no job gives | VPC |"
    yield "|---|---|---|---|---|"
    for resource in resources.values():
        if resource["Type"] == "AWS::Serverless::Function":
            own = resource["Properties"]
            folder = own["CodeUri"].removeprefix("functions/").rstrip("/")
            layers = "portl, files" if "Layers" in own else "portl"
            found = ", ".join(RIGHTS[name] for each in own.get("Policies", ()) if (name := _policy(each)) in RIGHTS) or "none"
            yield f"| `{folder}` | {own['Description']} | {layers} | {found} | {'yes' if 'VpcConfig' in own else ''} |"


def _policy(value: dict[str, Any]) -> str:
    """The name of a policy, also of one that stands under a condition."""
    return str(value["Fn::If"][1]["Ref"] if "Fn::If" in value else value.get("Ref", ""))


def parameters(given: dict[str, Any]) -> Iterator[str]:
    """A row for each parameter of a deployment."""
    yield "| parameter | default | |"
    yield "|---|---|---|"
    for name, body in given.items():
        default = f"`{body['Default']}`" if body["Default"] != "" else ""
        allowed = f" One of {', '.join(map(str, body['AllowedValues']))}." if "AllowedValues" in body else ""
        yield f"| `{name}` | {default} | {body['Description']}{allowed} |"
