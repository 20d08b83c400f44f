"""TOML with places, as far as they can be known: of tables by their headers, of values by their keys' lines."""

from __future__ import annotations

import re
import tomllib

from portl.jobs._yaml import Document, Path, Spot, YamlProblem

_TABLE = re.compile(r"^\s*\[\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"^(\s*)([A-Za-z0-9_-]+)\s*=\s*")
_AT = re.compile(r"\(at line (\d+), column (\d+)\)")


def read_toml(text: str) -> Document:
    """Reads one document. Raises YamlProblem where it is no TOML."""
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        at = _AT.search(str(problem))
        line, column = (int(at[1]), int(at[2])) if at else (1, 1)
        raise YamlProblem(_AT.sub("", str(problem)).strip(), line, column) from None
    document = Document(value=value, text=text, values={(): Spot(1, 1)})
    table: Path = ()
    for number, row in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(row):
            table = tuple(part.strip().strip("\"'") for part in header[1].split("."))
            document.values[table] = document.keys[table] = Spot(number, 1, plain=False)
        elif key := _KEY.match(row):
            document.values[(*table, key[2])] = Spot(number, key.end() + 1, plain=False)
            document.keys[(*table, key[2])] = Spot(number, len(key[1]) + 1, plain=False)
    return document
