"""The codes that the layer and the tool raise, read from their source: a letter and three digits, with what it says."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from portl.errors import StoreError
from portl.stores._saying import SAID

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("layers/portl/portl", "cli/portl_cli")
CODE = re.compile(r"[TMCFDHLRV]\d{3}")
KINDS = {
    "T": "TemplateError", "M": "MappingError", "C": "CsvError", "F": "StoreError", "D": "DatabaseError", "H": "HttpError",
    "L": "FunctionError", "R": "RunError", "V": "SetupError",
}  # fmt: skip
"""The error of each letter, as the tree in portl/errors.py has them."""

UNTOLD = {
    "D199": "what the server says, where no other code fits",
    "L101": "the function failed with …: …",
    "L102": "Lambda has no capacity free for the function: …",
    "L105": "the function ran out of time, or was ended: …",
    "L109": "Lambda refused the call: …",
    "R199": "a fault of Portl: …",
    "T105": "{{ … }} failed: …",
    "T110": "{{ … }} reads what is not there: …",
    "V103": "${…} cannot be read from Parameter Store or Secrets Manager: …",
}
"""What those say whose text is put together from what came back: no sentence of it stands in the source."""


@dataclass(frozen=True)
class RuntimeCode:
    """One code, what its errors say, and the files that raise it."""

    code: str
    kind: str
    told: str
    where: str


def runtime_codes() -> list[RuntimeCode]:
    """Every code, in order."""
    told: dict[str, set[str]] = defaultdict(set)
    where: dict[str, set[str]] = defaultdict(set)
    for source in SOURCES:
        for file in sorted((ROOT / source).rglob("*.py")):
            name, tree = file.relative_to(ROOT / source).as_posix(), ast.parse(file.read_text("utf-8"))
            for code, message in _codes(tree):
                where[code].add(name)
                told[code] |= {message} - {""}
            for code in _given_to_names(tree):
                where[code].add(name)
    for kind, (text, _) in SAID.items():
        told[kind.default_code].add(text.replace("{path}", "…"))
        where[kind.default_code].add("stores/_saying.py")
    return [
        RuntimeCode(
            code,
            CLASSES.get(code, KINDS[code[0]]),
            "; ".join(sorted(told[code])) or UNTOLD.get(code, ""),
            ", ".join(f"`{each}`" for each in sorted(where[code])),
        )
        for code in sorted(where)
    ]


def _given_to_names(tree: ast.Module) -> Iterator[str]:
    """The codes that a function chooses between before it raises one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and not (isinstance(node.targets[0], ast.Name) and node.targets[0].id.startswith("_")):
            texts = [
                each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant) and isinstance(each.value, str)
            ]
            yield from (text for text in texts if CODE.fullmatch(text))


def _codes(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for function in ast.walk(tree):
        if isinstance(function, (ast.FunctionDef, ast.Module)):
            texts = _assigned(function) if isinstance(function, ast.FunctionDef) else {}
            for node in _own(function):
                if isinstance(node, ast.Call):
                    yield from _of_call(node, texts)


def _own(function: ast.FunctionDef | ast.Module) -> Iterator[ast.AST]:
    """What stands in a function and in none inside it."""
    waiting: list[ast.AST] = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        if not isinstance(node, ast.FunctionDef):
            yield node
            waiting += ast.iter_child_nodes(node)


def _subclasses(kind: type[StoreError]) -> Iterator[type[StoreError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _subclasses(each)


BY_CLASS = {kind.__name__: kind.default_code for kind in _subclasses(StoreError)}
"""Store errors have their code by their class, and what they say by it too, unless told otherwise."""
CLASSES = {code: name for name, code in BY_CLASS.items()}


def _of_call(call: ast.Call, texts: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    if isinstance(call.func, ast.Name) and call.func.id in BY_CLASS and call.args:
        yield from ((BY_CLASS[call.func.id], message) for message in _told(call.args[0], texts))
    given = [*call.args, *(each.value for each in call.keywords)]
    for value in given:
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and CODE.fullmatch(value.value):
            told = (_told(each, texts) for each in call.args if each is not value)
            yield from ((value.value, message) for message in next(filter(None, told), [""]))


def _told(argument: ast.expr, texts: dict[str, list[str]]) -> list[str]:
    """What an argument says, if it is text of more than marks."""
    messages = texts.get(argument.id, []) if isinstance(argument, ast.Name) else [_text(argument)]
    return [message for message in messages if re.search(r"[a-z]{2}", message)]


def _assigned(function: ast.FunctionDef) -> dict[str, list[str]]:
    """The texts that a function gives to names."""
    found: dict[str, list[str]] = defaultdict(list)
    for node in _own(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] += [_text(node.value)] if _text(node.value) else []
    return found


def _text(node: ast.AST | None) -> str:
    if isinstance(node, ast.JoinedStr):
        return _plain("".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values))
    return _plain(node.value) if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
