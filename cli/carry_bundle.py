"""Puts the template, the functions and the layer's own files into the wheel, so that an installed Portl needs no repository.

Hatchling calls it. An editable installation gets nothing: it has the repository, and a copy would grow old.
https://hatch.pypa.io/latest/plugins/build-hook/custom/
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PATTERNS = ("template.yaml", "samconfig.toml", "layers/*/*", "functions/*/*")


class CarryBundle(BuildHookInterface[Any]):
    """The hook of the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the files to a standard wheel."""
        if version != "standard":
            return
        root = Path(self.root)
        files = (file for pattern in PATTERNS for file in root.glob(pattern) if file.is_file())
        names = (file.relative_to(root).as_posix() for file in files)
        build_data["force_include"] |= {name: f"portl_cli/_bundle/{name}" for name in names}
