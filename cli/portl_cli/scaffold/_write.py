"""Writes files together: each is whole or was never there, and nothing is written when one of them cannot be."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path

from portl.errors import SetupError


def write_all(root: Path, files: Mapping[str, str]) -> None:
    """Writes texts to paths under a folder.

    Raises:
        SetupError: V124, the folder or the disk does not allow it; nothing has changed then.
    """
    made: list[Path] = []
    staged: list[tuple[Path, Path]] = []
    try:
        for name, text in files.items():
            target = root / name
            made += _make_folders(target.parent)
            staged.append((_stage(target, text), target))
        _put_in_place(staged)
        made = []
    except OSError as problem:
        text = f"{problem.filename or root} cannot be written: {problem.strerror}"
        raise SetupError(text, code="V124", hint="check the folder's owner and mode, and the disk") from problem
    finally:
        for part, _ in staged:
            part.unlink(missing_ok=True)
        for folder in reversed(made):
            _remove_empty(folder)


def _put_in_place(staged: list[tuple[Path, Path]]) -> None:
    blocked = next((target for _, target in staged if target.is_dir()), None)
    if blocked is not None:
        raise IsADirectoryError(21, "a folder is there", str(blocked))
    # Ctrl-C waits for the few renames, so that it finds all of the files or none.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        for part, target in staged:
            part.replace(target)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _make_folders(folder: Path) -> list[Path]:
    missing = [each for each in (folder, *folder.parents) if not each.exists()][::-1]
    for each in missing:
        each.mkdir()
    return missing


def _stage(target: Path, text: str) -> Path:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".portl-init-")
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
    part = Path(name)
    part.chmod(target.stat().st_mode if target.exists() else 0o666 & ~_umask())
    return part


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
