"""A project with stores of every kind, and Portl's commands run in it as a user runs them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from commands.terminal import Terminal
from flows.support import Ended, portl
from portl.stores import S3Spec, SftpSpec, Store, StoreSpec, open_store
from stores.backends import s3_spec, sftp_spec
from stores.sftp_server import SftpServer

KINDS = ("local", "s3", "sftp")


@dataclass
class Lab:
    """``declared`` are the connections of ``stores.yaml``, ``variables`` what the environment holds."""

    folder: Path
    declared: dict[str, dict[str, Any]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def declare(self, name: str, fields: Mapping[str, Any], **more: Any) -> None:
        self.declared[name] = dict(fields)
        text = yaml.safe_dump({"connections": self.declared, **more}, allow_unicode=True)
        (self.folder / "stores.yaml").write_text(text, "utf-8")

    def add(self, name: str, kind: str, server: SftpServer | None = None) -> Store:
        """Declares a store of its own, and opens it beside Portl."""
        spec: StoreSpec | str
        if kind == "local":
            root = self.folder / "stores" / name
            root.mkdir(parents=True)
            self.declare(name, {"type": "local", "root": str(root)})
            return open_store(root)
        spec = s3_spec() if kind == "s3" else sftp_spec(server)
        self.declare(name, self._fields(name, spec))
        return open_store(spec)

    def _fields(self, name: str, spec: S3Spec | SftpSpec) -> dict[str, Any]:
        """A spec as it is written, its secrets in the environment."""
        fields = json.loads(spec.model_dump_json(exclude_none=True, exclude_defaults=True)) | {"type": spec.type}
        for key in ("password", "secret_access_key"):
            secret = getattr(spec, key, None)
            if secret is not None:
                self.variables[f"PORTL_SECRET_{name.upper()}"] = secret.get_secret_value()
                fields[key] = f"${{secret:{name}}}"
        return fields

    def run(self, *arguments: str) -> Ended:
        return portl(self.folder, "store", *arguments, **self.variables)

    def documents(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        """What a command answers with ``--json``, but how far it is, which hangs on how long it takes."""
        ended = self.run(*arguments, "--json")
        assert ended.code == code, ended.err
        told = [json.loads(line) for line in ended.out.splitlines()]
        return [each for each in told if each.get("event") != "progress"]

    def terminal(self, *arguments: str) -> Terminal:
        return Terminal(self.folder, "store", *arguments, **self.variables)

    def put(self, path: str, content: bytes, *, age_s: float = 0) -> Path:
        """A file of this machine, ``age_s`` seconds old."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        if age_s:
            then = file.stat().st_mtime - age_s
            os.utime(file, (then, then))
        return file

    def tree(self, path: str = "") -> dict[str, bytes]:
        """Every file below a folder of this machine, also one that was left half written, but for the project's own."""
        root = self.folder / path
        files = (file for file in sorted(root.rglob("*")) if file.is_file() and file.name != "stores.yaml")
        return {str(file.relative_to(root)): file.read_bytes() for file in files}


def contents(store: Store) -> dict[str, bytes]:
    """Every file of a store."""
    return {entry.path: store.read(entry.path) for entry in store.list("", recursive=True)}
