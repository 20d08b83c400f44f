"""What an installation brings, the template and the functions, so that a folder with nothing but a job can run it.

A wheel carries them in this package; an installation of the repository itself (``pip install -e .``) has them at its root.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import portl

_PACKAGE = Path(__file__).resolve().parent
_CARRIED = _PACKAGE / "_bundle"
_PATTERNS = ("template.yaml", "samconfig.toml", "layers/*/*", "functions/*/*")

BEGIN = "  # portl build begin: written from statemachines/*/job.yaml; not edited by hand\n"
END = "  # portl build end\n"
"""The marks around what ``portl build`` writes into a template."""
EXAMPLES = "  # Examples that the jobs of this repository call.\n"
"""The template's line before its example functions, the last before ``BEGIN``: no job needs them but those that name them."""


def bundle() -> Path:
    """The folder with ``template.yaml`` and ``functions/`` that this installation brings."""
    return _CARRIED if _CARRIED.is_dir() else _PACKAGE.parents[1]


def deployment() -> Iterator[tuple[str, str]]:
    """Every file a folder needs before it can be deployed: its path there, with ``/``, and its text."""
    root = bundle()
    for file in sorted(file for pattern in _PATTERNS for file in root.glob(pattern) if file.is_file()):
        yield file.relative_to(root).as_posix(), file.read_text("utf-8")
    layer = Path(portl.__file__).parent
    for file in sorted(layer.rglob("*")):
        if file.is_file() and file.parent.name != "__pycache__":
            yield f"layers/portl/portl/{file.relative_to(layer).as_posix()}", file.read_text("utf-8")
