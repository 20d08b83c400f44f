"""The states as boxes: how large each is, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from portl_cli.compile.picture.canvas import Canvas
from portl_cli.compile.picture.flow import Leaf, groups_of, is_stage, is_transaction, step_of
from portl_cli.compile.picture.style import tone_of
from portl_cli.compile.picture.text import width, wrap

TITLE, NOTE, ROW, TAG, WAY = 13.5, 11.5, 12.0, 10.5, 11.0
"""Font sizes in pixels, as the style has them."""
BOX, SIDE_BOX = 290.0, 214.0
"""Widths of boxes."""
LIST_BOX = (350.0, 520.0)
"""A transaction is as wide as its list needs, between these."""
PAD, ICON = 14.0, 26.0
LONGEST_NAME = 180.0
LINE = {TITLE: 18.0, NOTE: 15.0, ROW: 20.0, TAG: 20.0}
_COMMITTED = "after the commit"


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the picture: its size, where its way goes down (``axis``, from its left), whether that goes on below it."""

    w: float
    h: float
    axis: float
    draw: Callable[[Canvas, float, float], None]
    goes_on: bool = True


def box(leaf: Leaf, *, w: float = BOX) -> Block:
    """A Task, Wait, Pass or any other state that has nothing inside."""
    if is_transaction(leaf.state):
        return _transaction(leaf)
    tone, note = _kind(leaf)
    limit = w - PAD - ICON - PAD
    names = wrap(leaf.name, limit, TITLE, lines=2, bold=True)
    notes = wrap(note, limit, NOTE, lines=3) if note else []
    tag = leaf.committed and tone in ("api", "lambda")
    h = 2 * PAD + LINE[TITLE] * len(names) + LINE[NOTE] * len(notes) + (LINE[TAG] + 2 if tag else 0) - 4

    def draw(canvas: Canvas, x: float, y: float) -> None:
        kind = f"state {leaf.state['Type'].lower()} {'other' if tone == 'list' else tone}{' committed' if tag else ''}"
        with canvas.group(kind, leaf.name, step_of(leaf.state).get("id")):
            canvas.title("\n".join([leaf.name, *([note] if note else [])]))
            canvas.rect("box", x, y, w, h)
            canvas.rect("bar", x, y + 10, 3.5, h - 20, 1.7)
            canvas.icon(tone, x + PAD, y + PAD - 2)
            below = _column(canvas, x + PAD + ICON, y + PAD + 11, [("title", TITLE, names), ("note", NOTE, notes)])
            if tag:
                _tag(canvas, x + PAD + ICON, below - 6, _COMMITTED)
            canvas.text("count", x + w - 6, y - 6, "")

    return Block(w, h, w / 2, draw, goes_on=not _ends(leaf))


def _ends(leaf: Leaf) -> bool:
    return leaf.state["Type"] in ("Succeed", "Fail") or "End" in leaf.state


def _kind(leaf: Leaf) -> tuple[str, str]:
    """The icon and the second line of a state."""
    kind = leaf.state["Type"]
    comment = str(leaf.state.get("Comment", ""))
    if kind == "Task":
        tone = "db" if is_stage(leaf.state) else tone_of(str(step_of(leaf.state).get("type", "")))
        return tone, comment.replace("$ {", "${")
    return "wait" if kind == "Wait" else "other", comment


def _column(canvas: Canvas, x: float, y: float, parts: list[tuple[str, float, list[str]]]) -> float:
    for kind, size, lines in parts:
        for line in lines:
            canvas.text(kind, x, y, line)
            y += LINE[size]
    return y


def _tag(canvas: Canvas, x: float, y: float, text: str) -> None:
    canvas.rect("tag-box", x, y - 4, width(text, TAG) + 14, 17, 8.5)
    canvas.text("tag", x + (width(text, TAG) + 14) / 2, y + 8, text, middle=True)


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of a transaction's list: a step, or (without a name) what holds for those that follow."""

    name: str
    note: str
    depth: int
    tone: str = ""


def _rows(steps: list[dict[str, Any]], depth: int) -> Iterator[_Row]:
    for step in steps:
        yield _Row(step["id"], _about(step), depth, tone_of(step["type"]))
        for branch in ("then", "else"):
            if branch in step:
                yield _Row("", branch, depth + 1)
                yield from _rows(step[branch], depth + 1)


def _about(step: Mapping[str, Any]) -> str:
    about = next((str(step[name]) for name in ("table", "if", "path", "url", "sql") if step.get(name)), "")
    if "if" in step:
        return f"if {about.strip('{} ')}"
    return f"{step['type']} {about}".strip()


def _transaction(leaf: Leaf) -> Block:
    rows = [row for over, steps in groups_of(leaf.state) for row in _grouped(over, steps)]
    names_end = max(_name_end(row) for row in rows)
    needed = max(names_end + width(row.note, NOTE) if row.name else 0 for row in rows) + PAD
    w = min(max(needed, LIST_BOX[0]), LIST_BOX[1])
    names = wrap(leaf.name, w - PAD - ICON - PAD, TITLE, lines=2, bold=True)
    note = "commits or rolls back as one"
    top = PAD + LINE[TITLE] * len(names) + LINE[NOTE] + 8
    h = top + LINE[ROW] * len(rows) + PAD

    def draw(canvas: Canvas, x: float, y: float) -> None:
        with canvas.group("state task transaction db", leaf.name):
            canvas.title(f"{leaf.name}\n{leaf.state.get('Comment', '')}")
            canvas.rect("box", x, y, w, h)
            canvas.icon("lock", x + PAD, y + PAD - 2)
            _column(canvas, x + PAD + ICON, y + PAD + 11, [("title", TITLE, names), ("note", NOTE, [note])])
            canvas.line_across(x + PAD, x + w - PAD, y + top - 4)
            for at, row in enumerate(rows):
                _draw_row(canvas, row, x, y + top + LINE[ROW] * at, (w, names_end))
            canvas.text("count", x + w - 6, y - 6, "")

    return Block(w, h, w / 2, draw, goes_on=not _ends(leaf))


def _grouped(over: str, steps: list[dict[str, Any]]) -> Iterator[_Row]:
    if over:
        yield _Row("", over, 0)
    yield from _rows(steps, 1 if over else 0)


def _left(row: _Row) -> float:
    return PAD + 14 * min(row.depth, 6)


def _name_end(row: _Row) -> float:
    """Where the notes of the list may begin: behind this row's name, or behind what may be shown of it."""
    return _left(row) + 24 + min(width(row.name, ROW, bold=True), LONGEST_NAME) + 10 if row.name else 0


def _draw_row(canvas: Canvas, row: _Row, x: float, y: float, size: tuple[float, float]) -> None:
    w, names_end = size
    left = x + _left(row)
    if not row.name:
        canvas.text("note", left, y + 15, wrap(row.note, x + w - PAD - left, NOTE)[0])
        return
    with canvas.group(f"step {'other' if row.tone == 'list' else row.tone}", step=row.name):
        canvas.title(f"{row.name}: {row.note}")
        canvas.icon(row.tone, left, y + 3)
        canvas.text("row", left + 24, y + 15, wrap(row.name, LONGEST_NAME, ROW, bold=True)[0])
        canvas.text("note", x + names_end, y + 15, wrap(row.note, w - PAD - names_end, NOTE)[0])


def diamond(leaf: Leaf) -> Block:
    """A Choice. Of a rhombus only the middle is as wide as it says: the text has what two lines leave."""
    w, h = 270.0, 84.0
    names = wrap(leaf.name, w * 0.6, NOTE, lines=2, bold=True)

    def draw(canvas: Canvas, x: float, y: float) -> None:
        with canvas.group("state choice fork", leaf.name):
            canvas.title(leaf.name)
            canvas.diamond(x, y, w, h)
            for at, line in enumerate(names):
                canvas.text("question", x + w / 2, y + h / 2 + 4 + LINE[NOTE] * (at - (len(names) - 1) / 2), line, middle=True)
            canvas.text("count", x + w - 6, y + 14, "")

    return Block(w, h, w / 2, draw)
