"""The command reference, out of what click knows of every command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from inspect import cleandoc
from itertools import dropwhile, takewhile

import click

from portl_cli.exit_codes import EXIT_CODES
from portl_cli.main import COMMANDS, cli

HEAD = """# Commands

Made from the commands themselves; `portl COMMAND --help` says the same.
"""

HELP = f"| `{', '.join(cli.context_settings['help_option_names'])}` | Show this message and exit. |\n"
"""Of every command. click makes its own option once a process, with the names that its first context gave."""


def outputs() -> dict[str, str]:
    """``docs/commands.md``."""
    return {"docs/commands.md": "\n".join(_document())}


def _document() -> Iterator[str]:
    yield HEAD
    yield "| | |\n|---|---|"
    for name, about in sorted(COMMANDS.items()):
        yield f"| [`portl {name}`](#portl-{name}) | {_cell(about)} |"
    yield ""
    for name in sorted(COMMANDS):
        yield from _command(("portl", name), import_module(f"portl_cli.commands.{name}").command)
    yield "## Exit codes\n"
    yield "| code | |\n|---|---|"
    for code, meaning in EXIT_CODES.items():
        yield f"| {code} | {_cell(meaning)} |"
    yield ""


def _command(path: tuple[str, ...], command: click.Command) -> Iterator[str]:
    """A command's section, and those of the commands inside it."""
    context = click.Context(command, info_name=" ".join(path))
    about, example = _parts(command.help or "")
    yield f"{'#' * len(path)} {' '.join(path)}\n"
    yield f"```\n{' '.join([*path, *command.collect_usage_pieces(context)])}\n```\n"
    yield about + "\n"
    yield "| | |\n|---|---|"
    yield from (_option(one, context) for one in command.params if not getattr(one, "hidden", False))
    yield HELP
    if example:
        yield f"```console\n{example}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _command((*path, name), inner)


def _parts(text: str) -> tuple[str, str]:
    """What a command's help says, and the commands of its example."""
    lines = cleandoc(text).replace("\b\n", "").splitlines()
    about = "\n".join(takewhile(_is_prose, lines)).strip()
    example = [f"$ {line.strip()}" for line in [*dropwhile(_is_prose, lines)][1:] if line.strip()]
    return re.sub(r"(?<!\n)\n(?!\n)", " ", about), "\n".join(example)


def _is_prose(line: str) -> bool:
    return not line.startswith("Example")


_HOW_MANY = {(True, True): "one or more", (False, True): "any number", (True, False): "needed", (False, False): ""}
"""Of an argument, by whether it must be there and whether it may stand several times."""


def _option(one: click.Parameter, context: click.Context) -> str:
    record = one.get_help_record(context)
    if record is None or isinstance(one, click.Argument):
        return f"| `{' '.join(one.get_usage_pieces(context))}` | {_HOW_MANY[one.required, one.nargs < 0]} |"
    return f"| `{_cell(record[0])}` | {_cell(record[1])} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
