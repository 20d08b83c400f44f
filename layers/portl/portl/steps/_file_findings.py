"""What is wrong with a ``file.write`` that none of its fields says alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from portl.errors import TemplateError
from portl.values import Compiled, compile_value

if TYPE_CHECKING:
    from portl.steps.file_write import FileWrite

Finding = tuple[tuple[str | int, ...], str, str, str]
"""(path inside the step, code, message, hint)"""
_OF_TEXT = ("template", "header", "footer")


def findings_of(spec: FileWrite) -> Iterator[Finding]:
    """J004: fields that do not go together; J208: rows that are no list."""
    yield from _rows(spec)
    yield from _text(spec)
    yield from _parts(spec)
    yield from _dialect(spec)
    names = spec.columns if isinstance(spec.columns, list) else []
    for at, name in enumerate(names):
        if name in names[:at]:
            yield ("columns", at), "J004", f'the column "{name}" stands twice', "leave one of them"
    if spec.format == "xlsx" and spec.compression != "none":
        yield ("compression",), "J004", "an xlsx file is compressed by itself", "leave compression out"


def _rows(spec: FileWrite) -> Iterator[Finding]:
    if isinstance(spec.rows, str):
        compiled = _compiled(spec.rows)
        if compiled is not None and compiled.constant:
            yield ("rows",), "J208", "rows is a list that an expression names", 'as in "{{ steps.read_csv.rows }}"'


def _text(spec: FileWrite) -> Iterator[Finding]:
    if spec.format == "text":
        if spec.template is None:
            yield ("format",), "J004", "text needs a template", 'as in template: "{{ row.code }}"'
        if spec.columns is not None:
            yield ("columns",), "J004", "text has no columns", "let the template read them of row"
        return
    for name in _OF_TEXT:
        if getattr(spec, name) is not None:
            yield (name,), "J004", f"{name} is for format: text", "leave it out"


def _parts(spec: FileWrite) -> Iterator[Finding]:
    compiled = _compiled(spec.path)
    if spec.parts is None or compiled is None:
        return
    if not any(reference.path[0] == "part" for reference in compiled.references):
        yield ("path",), "J004", "all parts would have one path", 'name each by its own: "{{ part }}", 00001 and so on'


def _dialect(spec: FileWrite) -> Iterator[Finding]:
    dialect = spec.dialect
    if "dialect" in spec.model_fields_set and spec.format != "csv":
        yield ("dialect",), "J004", "dialect is for format: csv", "leave it out"
    for name in ("delimiter", "quote"):
        mark = getattr(dialect, name)
        if mark is not None and mark in "\r\n\0":
            yield ("dialect", name), "J004", f"{mark!r} cannot be a {name}", "a character that is no line end"
    if (dialect.delimiter or ",") == dialect.quote:
        yield ("dialect",), "J004", f"{dialect.quote!r} is both the delimiter and the quote", "write two characters"


def _compiled(text: str) -> Compiled | None:
    try:
        return compile_value(text)
    except TemplateError:
        return None
