"""YAML with places: every value and key of the file keeps its line and column.

The schema is YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema): ``no``, ``on`` and ``12:30`` are text,
as they look; a key that stands twice is an error; anchors and merges work, tags and recursive anchors do not.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from portl.jobs._yaml_places import Written, line_and_column, place_of

Path = tuple[str | int, ...]

MOST_NODES = 100_000
"""Values of a document, those behind an alias counted each time: ten aliases of ten aliases grow without bound."""
MOST_LEVELS = 200
"""Lists and mappings inside each other, whatever depth Python's own stack would bear."""
_QUOTES = "put quotes around {{ … }}"
_UNQUOTED = re.compile(r"(?:^|[:,\[-])\s*\{\{")
"""A template that begins where a value does: to YAML, a mapping in a mapping."""
_MERGE = "tag:yaml.org,2002:merge"
_FORMS = {"bool": yaml.ScalarNode, "int": yaml.ScalarNode, "float": yaml.ScalarNode, "null": yaml.ScalarNode,
          "str": yaml.ScalarNode, "seq": yaml.SequenceNode, "map": yaml.MappingNode, "merge": yaml.ScalarNode}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a value starts: line and column from 1. ``plain`` says that its text stands in the file letter for letter."""

    line: int
    column: int
    plain: bool = True


@dataclass(slots=True)
class Document:
    """A file read: the plain value and the place of each part of it, values and keys apart."""

    value: Any = None
    values: dict[Path, Spot] = field(default_factory=dict)
    keys: dict[Path, Spot] = field(default_factory=dict)
    problems: list[YamlProblem] = field(default_factory=list)
    """Keys that stand twice: the first one counts, and reading goes on."""
    text: str = ""
    written: dict[Path, Written] = field(default_factory=dict)
    """How the scalars are written whose text does not stand in the file letter for letter."""

    def spot(self, path: Path, *, key: bool = False) -> Spot:
        """The place of the value (or key) at ``path``, or of the nearest thing around it that has one."""
        for end in range(len(path), -1, -1):
            if key and end == len(path) and path in self.keys:
                return self.keys[path]
            if path[:end] in self.values:
                return self.values[path[:end]]
        return Spot(1, 1)

    def place(self, path: Path, *, offset: int | None = None, key: bool = False) -> tuple[int, int]:
        """Line and column of a value (or key), or of the character ``offset`` of its text."""
        spot = self.spot(path, key=key)
        if offset is None or key:
            return spot.line, spot.column
        if path in self.written:
            return place_of(self.text, self.written[path], str(value_at(self.value, path)), offset)
        return spot.line, spot.column + offset


def value_at(value: Any, path: Path) -> Any:
    """The part of a JSON value at ``path``; None where there is none."""
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


class YamlProblem(Exception):
    """The text is no YAML, or uses what a job does not know; ``line`` and ``column`` from 1, ``hint`` is the way out."""

    def __init__(self, message: str, line: int, column: int, hint: str = "") -> None:
        super().__init__(message)
        self.line, self.column, self.hint = line, column, hint


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own attribute


for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", [*"~nN", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    ("float", r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)$", list("-+.0123456789")),
    ("merge", r"^<<$", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def read_yaml(text: str) -> Document:
    """Reads one document. A key that stands twice is among its ``problems``.

    Raises:
        YamlProblem: the text cannot be read, a tag is used, or there are more than 100,000 values.
    """
    try:
        return _read(text)
    except RecursionError:
        raise YamlProblem("the text is nested too deeply", 1, 1) from None


class _StandIns:
    """PyYAML reads YAML 1.1, to which U+0085, U+2028 and U+2029 are line breaks; to YAML 1.2 they are characters as others are.

    So PyYAML is given others in their place, of the area for private use and not in the text, and what it answers is put right.
    https://yaml.org/spec/1.2.2/#54-line-break-characters
    """

    _BREAKS = "\x85\u2028\u2029"

    def __init__(self, text: str) -> None:
        taken = set(text)
        found = taken.intersection(self._BREAKS)
        free = (character for character in map(chr, range(0xE000, 0xF900)) if character not in taken)
        self._to = dict(zip(map(ord, sorted(found)), free, strict=False))
        self._back = {ord(other): chr(own) for own, other in self._to.items()}

    def put(self, text: str) -> str:
        """The text for PyYAML; every character keeps its place."""
        return text.translate(self._to) if self._to else text

    def take(self, text: str) -> str:
        """What PyYAML made of it, with the text's own characters."""
        return text.translate(self._back) if self._back else text


def _read(text: str) -> Document:
    own = _StandIns(text)
    try:
        loader = _Loader(own.put(text))
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as problem:
        mark = (_never_closed(problem) and problem.context_mark) or problem.problem_mark or problem.context_mark
        line = text.split("\n")[mark.line] if mark and text.count("\n") >= mark.line else ""
        hint = _QUOTES if _UNQUOTED.search(line) else ""
        raise YamlProblem(_say(problem), *((mark.line + 1, mark.column + 1) if mark else (1, 1)), hint) from problem
    except yaml.reader.ReaderError as problem:
        raise YamlProblem("a character that YAML does not allow", *line_and_column(text, problem.position)) from problem
    except yaml.YAMLError as problem:
        raise YamlProblem(str(problem).splitlines()[0], 1, 1) from problem
    document = Document(text=text)
    if node is not None:
        document.value = _Reader(document, own).read(node, ())
    return document


def _never_closed(problem: yaml.MarkedYAMLError) -> bool:
    """Whether something was opened that reaches to the end of the file: its beginning is the place to look at."""
    return "end of stream" in (problem.problem or "") and "quoted scalar" in (problem.context or "")


def _say(problem: yaml.MarkedYAMLError) -> str:
    return " ".join(part for part in (problem.problem, f"({problem.context})" if problem.context else "") if part)


class _Reader:
    def __init__(self, document: Document, own: _StandIns) -> None:
        self._document = document
        self._own = own
        self._open: set[int] = set()
        self._count = 0

    def read(self, node: yaml.Node, path: Path) -> Any:
        quote = 1 if isinstance(node, yaml.ScalarNode) and node.style in ("'", '"') else 0
        plain = not isinstance(node, yaml.ScalarNode) or _as_written(node, quote)
        self._count += 1
        if self._count > MOST_NODES:
            raise self._problem(f"more than {MOST_NODES:,} values, those behind aliases counted each time", node)
        if len(path) > MOST_LEVELS:
            raise self._problem("the text is nested too deeply", node)
        self._document.values[path] = Spot(node.start_mark.line + 1, node.start_mark.column + 1 + quote, plain)
        if isinstance(node, yaml.ScalarNode) and not plain:
            self._document.written[path] = Written(node.start_mark.index, node.end_mark.index, node.style)
        if id(node) in self._open:
            raise self._problem("an anchor contains itself", node)
        self._open.add(id(node))
        try:
            return self._value(node, path)
        finally:
            self._open.discard(id(node))

    def _value(self, node: yaml.Node, path: Path) -> Any:
        form = _FORMS.get(node.tag.removeprefix("tag:yaml.org,2002:"))
        if form is None or not isinstance(node, form):
            raise self._problem(f"the tag {node.tag} is not used in a job", node)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, at)) for at, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        # Merges come first, wherever they stand: a key written beside one keeps its own place.
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged |= self._merge(value_node, path)
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self._own.take(key_node.value) if isinstance(key_node, yaml.ScalarNode) else None
            if key is None:
                template = isinstance(key_node, yaml.MappingNode) and key_node.flow_style
                raise self._problem("a key must be text", key_node, _QUOTES if template else "")
            if key in own:
                self._document.problems.append(self._problem(f'the key "{key}" stands twice', key_node))
                continue
            self._document.keys[(*path, key)] = Spot(key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            own[key] = self.read(value_node, (*path, key))
        return merged | own

    def _merge(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for part in reversed(parts):
            value = self.read(part, path)
            if not isinstance(value, dict):
                raise self._problem("<< takes a mapping", part)
            merged |= value
        return merged

    def _scalar(self, node: yaml.Node) -> Any:
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        text = self._own.take(str(node.value))
        try:
            return _plain(kind, text)
        except ValueError:
            raise self._problem(f"{text[:40]} is no {kind} that can be used", node) from None

    @staticmethod
    def _problem(message: str, node: yaml.Node, hint: str = "") -> YamlProblem:
        return YamlProblem(message, node.start_mark.line + 1, node.start_mark.column + 1, hint)


def _plain(kind: str, text: str) -> Any:
    match kind:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        case "float":
            number = float(text)
            if not math.isfinite(number):
                raise ValueError(text)
            return number
        case _:
            return text


def _as_written(node: yaml.ScalarNode, quote: int) -> bool:
    """Whether the text stands in the file letter for letter: on one line, without an escape, an anchor or a tag before it."""
    start, end = node.start_mark, node.end_mark
    return bool(start.line == end.line and end.column - start.column == len(node.value) + 2 * quote)
