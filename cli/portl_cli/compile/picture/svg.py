"""The machine as one SVG file: no script, nothing from elsewhere, in light and dark.

Each state is a group with ``data-state`` (its name), each step of a transaction one with ``data-step``; an empty text of class
``count`` stands at every state for whoever shows a run. The same definition gives the same text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from portl_cli.compile.picture.boxes import BOX, NOTE, PAD, SIDE_BOX, TITLE, WAY, Block, box, diamond
from portl_cli.compile.picture.canvas import Canvas, number
from portl_cli.compile.picture.flow import Flow, Fork, Leaf, Side, Way, read_flow
from portl_cli.compile.picture.style import STYLE
from portl_cli.compile.picture.text import width, wrap

GAP, COLUMN_GAP, SIDE_GAP, MARGIN = 34.0, 36.0, 96.0, 28.0
BUS = 22.0
"""How far below a Choice its ways part, and above their meeting they join."""
HEADING = 17.0
_BRANCH = re.compile(r"\$states\.input\.branch = '(?P<name>\w+)'")
"""The compiler's question after a conditional outside a batch: the branch's name says it shorter."""


def svg(definition: Mapping[str, Any]) -> str:
    """The picture of a definition that the engine's check has passed."""
    flow = _flow(read_flow(definition))
    name, _, about = str(definition.get("Comment", "")).partition(": ")
    w = max(flow.w, 360.0) + 2 * MARGIN
    notes = wrap(about, w - 2 * MARGIN, NOTE, lines=2) if about else []
    top = MARGIN + 22 + 15 * len(notes) + 18
    left = (w - flow.w) / 2
    canvas = Canvas()
    canvas.text("heading", MARGIN, MARGIN + 12, wrap(name, w - 2 * MARGIN, HEADING, bold=True)[0])
    for at, line in enumerate(notes):
        canvas.text("note", MARGIN, MARGIN + 32 + 15 * at, line)
    axis = left + flow.axis
    canvas.dot(axis, top)
    canvas.line([(axis, top), (axis, top + GAP)])
    flow.draw(canvas, left, top + GAP)
    bottom = top + GAP + flow.h
    if flow.goes_on:
        canvas.line([(axis, bottom), (axis, bottom + GAP - 8)])
        canvas.dot(axis, bottom + GAP, end=True)
    return _page(name, w, bottom + GAP + MARGIN, canvas.lines)


def _page(name: str, w: float, h: float, lines: Sequence[str]) -> str:
    size = f'width="{number(w)}" height="{number(h)}" viewBox="0 0 {number(w)} {number(h)}"'
    head = '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
            f"  <title>{escape(name)}</title>",
            f"  <style>{STYLE}  </style>",
            f'  <defs>{head}<path class="head" d="M0 0L8 4L0 8z"/></marker></defs>',
            f'  <rect class="page" width="{number(w)}" height="{number(h)}"/>',
            *lines,
            "</svg>\n",
        ]
    )


def _flow(flow: Flow) -> Block:
    blocks = [_fork(part) if isinstance(part, Fork) else _leaf(part) for part in flow.parts]
    if flow.jump is not None:
        blocks.append(_note(f"↩ {flow.jump}"))
    if not blocks:
        return Block(0, 0, 0, lambda _canvas, _x, _y: None)
    axis = max(block.axis for block in blocks)
    w = axis + max(block.w - block.axis for block in blocks)
    h = sum(block.h for block in blocks) + GAP * (len(blocks) - 1)

    def draw(canvas: Canvas, x: float, y: float) -> None:
        for at, block in enumerate(blocks):
            if at:
                canvas.line([(x + axis, y - GAP), (x + axis, y)])
            block.draw(canvas, x + axis - block.axis, y)
            y += block.h + GAP

    return Block(w, h, axis, draw, goes_on=flow.jump is None and (flow.open or blocks[-1].goes_on or _is_last(flow)))


def _is_last(flow: Flow) -> bool:
    """Whether the flow ends the machine or a child in the ordinary way, not by a Fail."""
    last = flow.parts[-1] if flow.parts else None
    return isinstance(last, Leaf) and last.state["Type"] != "Fail"


def _leaf(leaf: Leaf) -> Block:
    main = _frame(leaf) if leaf.inner else box(leaf)
    for side in leaf.sides:
        main = _beside(main, side)
    return main


def _beside(main: Block, side: Side) -> Block:
    """A block with the way of a caught error at its right."""
    parts = [_side_part(part) for part in side.flow.parts]
    if side.flow.jump is not None:
        parts.append(_note(f"→ {side.flow.jump}"))
    w = max((part.w for part in parts), default=0)
    h = sum(part.h for part in parts) + GAP * max(len(parts) - 1, 0)
    gap = max(SIDE_GAP, width(side.errors, WAY) + 24)
    total = max(main.h, h)
    below = (total - h) / 2

    def draw(canvas: Canvas, x: float, y: float) -> None:
        main.draw(canvas, x, y)
        if main.goes_on and total > main.h:
            canvas.line([(x + main.axis, y + main.h), (x + main.axis, y + total)], head=False)
        _draw_side(canvas, side, parts, (x + main.w, y, main.h), (x + main.w + gap, y + below))

    return Block(main.w + gap + w, total, main.axis, draw, main.goes_on)


def _side_part(part: Leaf | Fork) -> Block:
    if isinstance(part, Fork):
        return _fork(part)
    return _leaf(part) if part.inner or part.sides else box(part, w=SIDE_BOX)


def _draw_side(
    canvas: Canvas, side: Side, parts: Sequence[Block], main: tuple[float, float, float], at: tuple[float, float]
) -> None:
    right, top, h = main
    left, y = at
    first, last = (parts[0], parts[-1]) if parts else (None, None)
    out = top + h * 0.35
    entry = out if first and y < out < y + first.h else y + 18
    middle = right + 14
    canvas.line([(right, out), (middle, out), (middle, entry), (left, entry)], side=True)
    canvas.text("way", (right + left) / 2, min(out, entry) - 6, side.errors, middle=True)
    for number_, part in enumerate(parts):
        if number_:
            canvas.line([(left + part.axis, y - GAP), (left + part.axis, y)], side=True)
        part.draw(canvas, left, y)
        y += part.h + GAP
    if side.back and last is not None:
        back, leave = top + h * 0.72, y - GAP - last.h * 0.3
        leave = back if y - GAP - last.h < back < y - GAP and abs(back - entry) > 8 else leave  # noqa: PLR2004 - pixels apart
        canvas.line([(left, leave), (middle, leave), (middle, back), (right, back)], side=True)


def _note(text: str) -> Block:
    shown = wrap(text, BOX - 2 * PAD, NOTE)[0]
    w = width(shown, NOTE) + 2 * PAD

    def draw(canvas: Canvas, x: float, y: float) -> None:
        with canvas.group("jump"):
            canvas.title(text)
            canvas.rect("way-box", x, y, w, 26, 13)
            canvas.text("note", x + PAD, y + 17, shown)

    return Block(w, 26, w / 2, draw, goes_on=False)


def _frame(leaf: Leaf) -> Block:
    """A Map or a Parallel: a frame around what is inside, drawn several times over for a Map."""
    inner = [_flow(flow) for flow in leaf.inner]
    note = _many(leaf.state)
    inside = sum(block.w for block in inner) + COLUMN_GAP * (len(inner) - 1)
    w = max(inside, BOX - 2 * PAD) + 2 * PAD + 8
    names = wrap(leaf.name, w - 3 * PAD - 16, TITLE, lines=2, bold=True)
    top = PAD + 18 * len(names) + 15 + 14
    h = top + max(block.h for block in inner) + PAD + 6
    axis = (w - inside) / 2 + inner[0].axis if len(inner) == 1 else w / 2

    def draw(canvas: Canvas, x: float, y: float) -> None:
        with canvas.group(f"state {leaf.state['Type'].lower()} frame other", leaf.name):
            canvas.title(f"{leaf.name}\n{leaf.state.get('Comment', '')}")
            if leaf.state["Type"] == "Map":
                canvas.rect("behind", x + 5, y + 5, w, h, 14)
            canvas.rect("box", x, y, w, h, 14)
            canvas.icon("map", x + PAD, y + PAD - 2)
            for at, line in enumerate(names):
                canvas.text("title", x + PAD + 24, y + PAD + 11 + 18 * at, line)
            canvas.text("note", x + PAD + 24, y + PAD + 11 + 18 * len(names), note)
            canvas.text("count", x + w - 6, y - 6, "")
            left = x + (w - inside) / 2
            for block in inner:
                block.draw(canvas, left, y + top)
                left += block.w + COLUMN_GAP

    return Block(w, h, axis, draw, goes_on="End" not in leaf.state)


def _many(state: Mapping[str, Any]) -> str:
    if state["Type"] != "Map":
        return "all of them at once"
    most = state.get("MaxConcurrency", 0)
    mode = state["ItemProcessor"].get("ProcessorConfig", {}).get("Mode", "INLINE").lower()
    order = "one chunk after another" if most == 1 else f"up to {most} chunks at once" if most else "all chunks at once"
    return f"{order}, {mode}"


def _fork(fork: Fork) -> Block:
    """A Choice above, its ways side by side, and where they meet below."""
    head = diamond(fork.choice)
    columns = [_column(way) for way in fork.ways]
    offsets, inside = _offsets(columns)
    centre = (offsets[0] + columns[0].axis + offsets[-1] + columns[-1].axis) / 2
    axis = max(head.axis, centre)
    w = axis + max(head.w - head.axis, inside - centre)
    tall = max(column.h for column in columns)
    h = head.h + BUS + tall + BUS
    goes_on = any(column.goes_on for column in columns)

    def draw(canvas: Canvas, x: float, y: float) -> None:
        middle = x + axis
        head.draw(canvas, middle - head.axis, y)
        top = y + head.h
        for offset, column in zip(offsets, columns, strict=True):
            left = middle - centre + offset
            at = left + column.axis
            canvas.line([(middle, top), (middle, top + BUS / 2), (at, top + BUS / 2), (at, top + BUS)], head=False)
            column.draw(canvas, left, top + BUS)
            if column.goes_on:
                end = top + BUS + tall + BUS / 2
                canvas.line([(at, top + BUS + column.h), (at, end), (middle, end), (middle, end + BUS / 2)], head=False)

    return Block(w, h, axis, draw, goes_on)


def _offsets(columns: Sequence[Block]) -> tuple[list[float], float]:
    found, left = [], 0.0
    for column in columns:
        found.append(left)
        left += column.w + COLUMN_GAP
    return found, left - COLUMN_GAP


def _column(way: Way) -> Block:
    """A way out of a Choice: its condition on the line, then its states; a bare line when it has none."""
    flow = _flow(way.flow)
    branch = _BRANCH.fullmatch(way.label)
    shown = branch["name"] if branch else wrap(way.label, BOX - 20, WAY)[0]
    pill = width(shown, WAY) + 18
    axis = max(flow.axis, pill / 2)
    w = axis + max(flow.w - flow.axis, pill / 2)
    top = 22 + (22 if flow.h else 0)

    def draw(canvas: Canvas, x: float, y: float) -> None:
        with canvas.group("label"):
            canvas.title(way.label)
            canvas.rect("way-box", x + axis - pill / 2, y, pill, 22, 11)
            canvas.text("way", x + axis, y + 15, shown, middle=True)
        if flow.h:
            canvas.line([(x + axis, y + 22), (x + axis, y + top)])
        flow.draw(canvas, x + axis - flow.axis, y + top)

    return Block(w, top + flow.h, axis, draw, flow.goes_on)
