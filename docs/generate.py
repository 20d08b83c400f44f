"""Writes the generated documentation, or compares it: ``python docs/generate.py [--check]``.

Every module of docs/generators whose name begins with no underscore has ``outputs() -> dict[str, str]``: the path from the
repository's root, and the text. ``--check`` writes nothing and exits 1 with the names of what differs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GENERATORS = Path(__file__).resolve().parent / "generators"


def outputs() -> dict[str, str]:
    """What every generated document should hold, by its path.

    Raises:
        ValueError: two generators write one file.
    """
    texts: dict[str, str] = {}
    for file in sorted(GENERATORS.glob("[!_]*.py")):
        make: Callable[[], dict[str, str]] = import_module(f"generators.{file.stem}").outputs
        made = make()
        if twice := texts.keys() & made.keys():
            raise ValueError(f"{file.name} writes what another generator writes: {', '.join(sorted(twice))}")
        texts |= made
    return texts


def differing(root: Path, texts: dict[str, str]) -> list[str]:
    """The paths whose file is missing or holds something else."""
    return [name for name, text in texts.items() if not (root / name).is_file() or (root / name).read_text("utf-8") != text]


def write(root: Path, texts: dict[str, str], names: list[str]) -> None:
    """Writes those of the texts that are named."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(texts[name], "utf-8")


def main(arguments: list[str], root: Path = ROOT, made: dict[str, str] | None = None) -> int:
    """0 when everything is as it should be, or was written; 1 when ``--check`` found a difference.

    ``made`` are outputs made before, which takes seconds.
    """
    only_check = "--check" in arguments
    texts = outputs() if made is None else made
    names = differing(root, texts)
    if not only_check:
        write(root, texts, names)
    for name in names:
        sys.stdout.write(f"{name} {'differs: run make docs' if only_check else 'written'}\n")
    if not names:
        sys.stdout.write("the generated documents are as they would be written\n")
    return 1 if only_check and names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
