"""What a picture is drawn on: SVG elements, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from portl_cli.compile.picture.style import ICONS


def number(value: float) -> str:
    """A coordinate, the shortest way it can be written."""
    return f"{value:.1f}".removesuffix(".0")


@dataclass(slots=True)
class Canvas:
    """Collects elements; ``states`` counts the groups of states, for their ids."""

    lines: list[str] = field(default_factory=list)
    states: int = 0
    depth: int = 1

    def put(self, text: str) -> None:
        """Adds one element."""
        self.lines.append("  " * self.depth + text)

    @contextmanager
    def group(self, kind: str, state: str | None = None, step: str | None = None) -> Iterator[None]:
        """A group of elements, of a state or of a step when told."""
        marks = f" class={quoteattr(kind)}"
        if state is not None:
            self.states += 1
            marks = f' id="state-{self.states}"{marks} data-state={quoteattr(state)}'
        if step is not None:
            marks += f" data-step={quoteattr(step)}"
        self.put(f"<g{marks}>")
        self.depth += 1
        yield
        self.depth -= 1
        self.put("</g>")

    def title(self, text: str) -> None:
        """What is shown when the mouse rests on the group."""
        self.put(f"<title>{escape(text)}</title>")

    def rect(self, kind: str, x: float, y: float, w: float, h: float, radius: float = 10) -> None:
        """A rectangle with round corners."""
        at = f'x="{number(x)}" y="{number(y)}" width="{number(w)}" height="{number(h)}"'
        self.put(f'<rect class="{kind}" {at} rx="{number(radius)}"/>')

    def diamond(self, x: float, y: float, w: float, h: float) -> None:
        """A rhombus in a box."""
        corners = ((x + w / 2, y), (x + w, y + h / 2), (x + w / 2, y + h), (x, y + h / 2))
        self.put(f'<polygon class="box" points="{" ".join(f"{number(a)},{number(b)}" for a, b in corners)}"/>')

    def text(self, kind: str, x: float, y: float, text: str, *, middle: bool = False) -> None:
        """One line of text; ``y`` is its base line."""
        anchor = ' text-anchor="middle"' if middle else ""
        self.put(f'<text class="{kind}" x="{number(x)}" y="{number(y)}"{anchor}>{escape(text)}</text>')

    def icon(self, name: str, x: float, y: float) -> None:
        """A sign of 16 pixels."""
        self.put(f'<path class="icon" transform="translate({number(x)} {number(y)})" d="{ICONS[name]}"/>')

    def line(self, points: Sequence[tuple[float, float]], *, side: bool = False, head: bool = True) -> None:
        """A line through points, with a head at its end."""
        path = "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)
        marker = ' marker-end="url(#head)"' if head else ""
        self.put(f'<path class="line{" side" if side else ""}" d="{path}"{marker}/>')

    def dot(self, x: float, y: float, *, end: bool = False) -> None:
        """Where the machine begins; with ``end`` where it ends."""
        self.put(f'<circle class="head" cx="{number(x)}" cy="{number(y)}" r="{4 if end else 5}"/>')
        if end:
            self.put(f'<circle class="end" cx="{number(x)}" cy="{number(y)}" r="7.5"/>')

    def line_across(self, left: float, right: float, y: float) -> None:
        """A thin line inside a box."""
        self.put(f'<path class="rule" d="M{number(left)} {number(y)}H{number(right)}"/>')
