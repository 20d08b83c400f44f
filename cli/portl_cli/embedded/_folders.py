"""Folders of the embedded server: who owns them, who can enter them, and as whom the server runs."""

from __future__ import annotations

import hashlib
import os
import pwd
import stat
import tempfile
from pathlib import Path
from typing import Any

from portl.errors import SetupError


def base_folder(project: Path) -> Path:
    """``.portl/postgres`` of the project; as root, under the temporary folder when ``nobody`` could not enter it.

    Raises:
        SetupError: V111, the folder under the temporary folder belongs to another user.
    """
    project = project.resolve()
    folder = project / ".portl" / "postgres"
    if os.geteuid() != 0:
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    if open_to_others(project):
        folder.mkdir(parents=True, exist_ok=True)
        if open_to_others(folder):
            return folder
    name = hashlib.sha256(str(project).encode()).hexdigest()[:12]
    return own_folder(Path(tempfile.gettempdir()) / f"portl-{project.name}-{name}")


def own_folder(path: Path) -> Path:
    """A folder at a name that others could guess: made by us, entered by all, listed and written by us alone.

    Raises:
        SetupError: V111, somebody else made it first; what they put there must not be run or trusted.
    """
    path.mkdir(mode=0o711, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise SetupError(f"{path} belongs to another user", code="V111", hint="remove it, or set TMPDIR to a folder of yours")
    path.chmod(0o711)
    return path


def open_to_others(path: Path) -> bool:
    """Whether any user can enter a folder, or run a program."""
    path = path.resolve()
    return all(part.stat().st_mode & stat.S_IXOTH for part in (path, *path.parents))


def give(path: Path) -> None:
    """Hands a file or folder to the user of the server."""
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(path, nobody.pw_uid, nobody.pw_gid)


def as_nobody() -> dict[str, Any]:
    """Arguments for ``subprocess``: PostgreSQL refuses to run as root, then it runs as ``nobody``."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    common: dict[str, Any] = {"cwd": "/", "env": {**kept, "LC_ALL": "C", "TZ": "UTC"}}
    if os.geteuid() != 0:
        return common
    nobody = pwd.getpwnam("nobody")
    return {**common, "user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def write_private(path: Path, text: str) -> None:
    """Writes a file whole, never readable by anyone but its owner, not even for a moment."""
    making = path.with_name(f"{path.name}.making")
    making.unlink(missing_ok=True)
    with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    making.rename(path)
