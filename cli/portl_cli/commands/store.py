"""``portl store``: files of the project's stores, of buckets and of this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from typing import Any, get_args

import click

from portl.stores import Overwrite, Verify, fits_no_store, told_of
from portl.values import redact
from portl_cli.commands._stores.carrying import How, carry, remove
from portl_cli.commands._stores.checking import check_store
from portl_cli.commands._stores.folders import drop_empty_folders, entries
from portl_cli.commands._stores.lines import amount, counted, document, facts, listed, one_line
from portl_cli.commands._stores.opened import Stores, of_stores
from portl_cli.commands._stores.running import Manner, run_all
from portl_cli.commands._stores.sources import Sources, find_sources, look_at
from portl_cli.commands._stores.tasks import make_tasks
from portl_cli.exit_codes import DONE, ENVIRONMENT_WRONG

_Command = Callable[..., Any]
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document a line, for programs.")
_RECURSIVE = click.option("--recursive", "-r", is_flag=True, help="Folders too, with all that is below them.")
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would be done, and touch nothing.")
_PARALLEL = click.option("--parallel", type=click.IntRange(1, 64), default=4, show_default=True, help="How many files at once.")


@click.group("store")
def command() -> None:
    """List, copy, move, remove and show the files of any store, and check that the stores can be used.

    An address is store:path, of a store that stores.yaml or stores.toml declares (with --job also the job), s3://bucket/key,
    or a path of this machine. * and ? stand for parts of a name, ** for any folders; quote them, so that your shell leaves
    them.

    \b
    Example:
      portl store ls lake:
    """  # noqa: D301 - \b is click's mark for text that is not wrapped


@command.command("ls")
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@_RECURSIVE
@click.option("--long", "-l", is_flag=True, help="Before each its size in bytes, and when it was changed, in UTC.")
@_AS_JSON
@of_stores
def ls(stores: Stores, *, addresses: tuple[str, ...], recursive: bool, long: bool, as_json: bool) -> int:
    """List files: what is in a folder, what fits a pattern. Without ADDRESS the stores that are known.

    Each line is an address that can be used again.

    \b
    Example:
      portl store ls lake:2026/ --long
      portl store ls "lake:*/*.csv" --json
    """  # noqa: D301
    for name in () if addresses else sorted(stores.specs):
        kind = stores.specs[name]["type"]
        click.echo(json.dumps({"address": f"{name}:", "type": kind}) if as_json else f"{name}:  {kind}")
    for address in addresses:
        for where, entry in entries(stores.at, address, recursive=recursive):
            line = json.dumps(document(where, entry), ensure_ascii=False) if as_json else listed(where, entry, long=long)
            click.echo(redact(line))
    return DONE


@command.command("stat")
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@_AS_JSON
@of_stores
def stat(stores: Stores, *, addresses: tuple[str, ...], as_json: bool) -> int:
    """Show what a store says of a file: size, time, ETag, version, checksum, content type, metadata. A folder has its kind.

    Exit 1 when it is not there, 3 when that cannot be found out.

    \b
    Example:
      portl store stat lake:2026/resources.csv
    """  # noqa: D301
    for at, address in enumerate(addresses):
        entry = look_at(stores.at, address)
        shown = [json.dumps(document(address, entry), ensure_ascii=False)] if as_json else facts(address, entry)
        click.echo(redact("\n".join([""] * bool(at and not as_json) + shown)))
    return DONE


@command.command("cat")
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@of_stores
def cat(stores: Stores, *, addresses: tuple[str, ...]) -> int:
    """Write the content of files to standard output, one behind the other, as it comes.

    Each file is one content from end to end: one that changes meanwhile is an error.

    \b
    Example:
      portl store cat lake:2026/resources.csv
    """  # noqa: D301
    out = sys.stdout.buffer
    for source in find_sources(stores.at, addresses, recursive=None).files:
        with told_of(source.file):
            for part in source.file.store.chunks(source.file.path):
                out.write(part)
    out.flush()
    return DONE


def _copying(inner: _Command) -> _Command:
    """The arguments and options of cp and mv."""
    overwrites = click.Choice(get_args(Overwrite))
    for option in (
        _AS_JSON,
        _DRY_RUN,
        _PARALLEL,
        click.option(
            "--verify",
            type=click.Choice(get_args(Verify)),
            default="checksum",
            show_default=True,
            help="What is compared: sizes; hashes, the store's own where it tells one; or all that has arrived, read back.",
        ),
        click.option(
            "--overwrite",
            type=overwrites,
            default="fail",
            show_default=True,
            help="When another content is there. The same content counts as done.",
        ),
        _RECURSIVE,
        click.argument("target"),
        click.argument("sources", metavar="SOURCE...", nargs=-1, required=True),
    ):
        inner = option(inner)
    return inner


@command.command("cp")
@_copying
@of_stores
def cp(stores: Stores, **options: Any) -> int:
    """Copy files, each whole or not at all, and compared with what was sent.

    One file goes into TARGET when that is a folder or ends with /, else it takes that name. What is in a folder, and what fits
    a pattern, goes below TARGET, in the place it has there. Inside one store, copies do not pass through this machine.

    \b
    Example:
      portl store cp resources.csv lake:2026/
      portl store cp "lake:2026/*.csv" backup/ --overwrite if_newer
      portl store cp lake:2026 archive:2026 --recursive --dry-run
    """  # noqa: D301
    return _carry(stores, move=False, **options)


@command.command("mv")
@_copying
@of_stores
def mv(stores: Stores, **options: Any) -> int:
    """Move files: as cp, and a source goes only when its content is in the target. A target that was skipped keeps its source.

    \b
    Example:
      portl store mv lake:2026/resources.csv lake:done/
    """  # noqa: D301
    return _carry(stores, move=True, **options)


def _carry(
    stores: Stores,
    *,
    sources: tuple[str, ...],
    target: str,
    recursive: bool,
    parallel: int,
    as_json: bool,
    move: bool,
    dry_run: bool,
    **how: Any,
) -> int:
    found = find_sources(stores.at, sources, recursive=recursive, through_links=not move)
    tasks = make_tasks(stores.at, found, target)
    do = partial(carry, How(move=move, dry_run=dry_run, **how))
    manner = Manner("move" if move else "copy", parallel, dry_run=dry_run, as_json=as_json, stop=stores.stop)
    outcome = run_all(tasks, found.size, do, lambda task: task.source.file.address, manner)
    if move and not dry_run:
        drop_empty_folders(stores.at, found)
    return outcome.code


@command.command("rm")
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@_RECURSIVE
@_PARALLEL
@click.option("--yes", "-y", "sure", is_flag=True, help="Do not ask.")
@_DRY_RUN
@_AS_JSON
@of_stores
def rm(
    stores: Stores, *, addresses: tuple[str, ...], recursive: bool, parallel: int, sure: bool, dry_run: bool, as_json: bool
) -> int:
    """Remove files. On a terminal it asks first; elsewhere more than one file needs --yes.

    \b
    Example:
      portl store rm lake:2026/resources.csv
      portl store rm "lake:2026/*.tmp" --dry-run
    """  # noqa: D301
    found = find_sources(stores.at, addresses, recursive=recursive, through_links=False)
    if not (sure or dry_run):
        _ask(found)
    manner = Manner("remove", parallel, dry_run=dry_run, as_json=as_json, stop=stores.stop)
    do = partial(remove, How(dry_run=dry_run))
    outcome = run_all(found.files, found.size, do, lambda source: source.file.address, manner)
    if not dry_run:
        drop_empty_folders(stores.at, found)
    return outcome.code


def _ask(found: Sources) -> None:
    """Raises Abort when the user does not want it, UsageError when nobody can be asked."""
    first = one_line(found.files[0].file.address) if found.files else one_line(found.folders[0])
    what = first if len(found.files) == 1 else f"{counted(len(found.files))}, the first of them {first}"
    if sys.stdin.isatty():
        click.confirm(redact(f"Remove {what} ({amount(found.size)})?"), abort=True, err=True)
    elif len(found.files) > 1:
        raise click.UsageError(redact(f"{what}: nobody can be asked, so say --yes"))


@command.command("check")
@click.argument("names", metavar="[STORE]...", nargs=-1)
@click.option("--write", is_flag=True, help="Also write a small file, read it, and remove it.")
@_AS_JSON
@of_stores
def check(stores: Stores, *, names: tuple[str, ...], write: bool, as_json: bool) -> int:
    """Try every store that is known: can it be reached, read, and with --write written, how long does it take, what is wrong.

    Each call is made once, so that what is wrong is told soon. Exit 3 when a store cannot be used. A variable PORTL_STORE_…
    that fits no store is told on standard error, and is no failure: it may be meant for another project.

    \b
    Example:
      portl store check
      portl store check lake --write
    """  # noqa: D301
    unknown = [name for name in names if name.removesuffix(":") not in stores.specs]
    if unknown or not stores.specs:
        known = f"there are {', '.join(sorted(stores.specs))}" if stores.specs else "none is declared in a stores.yaml here"
        raise click.UsageError(f'there is no store "{unknown[0]}"; {known}' if unknown else f"there is no store: {known}")
    for variable, near in fits_no_store(stores.specs).items():
        click.echo(f"{variable} fits no store that is known here{f'; did you mean {near}?' if near else ''}", err=True)
    well = True
    chosen = sorted({name.removesuffix(":") for name in names} or stores.specs)
    with ThreadPoolExecutor(len(chosen)) as pool:
        for found in pool.map(partial(check_store, stores, write=write), chosen):
            well = well and not found.wrong
            for line in [json.dumps(redact(asdict(found)), ensure_ascii=False)] if as_json else found.lines():
                click.echo(line)
    return DONE if well else ENVIRONMENT_WRONG
