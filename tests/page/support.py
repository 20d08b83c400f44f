"""A run's page read as a browser reads it, strictly: every element that is opened is closed, in order."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

VOID = {"meta", "link", "br", "hr", "img", "input"}
LOADING = {"src", "href", "srcset", "data", "poster", "action", "formaction", "background", "cite", "ping", "xlink:href"}
"""Attributes that make a browser fetch something, or lead away."""


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    parent: Element | None
    pieces: list[Element | str] = field(default_factory=list)

    @property
    def children(self) -> list[Element]:
        return [piece for piece in self.pieces if isinstance(piece, Element)]

    @property
    def words(self) -> str:
        """All text inside."""
        return " ".join(" ".join(piece if isinstance(piece, str) else piece.words for piece in self.pieces).split())

    def all(self, tag: str) -> list[Element]:
        found = [self] if self.tag == tag else []
        return [*found, *(each for child in self.children for each in child.all(tag))]


class Page(HTMLParser):
    """The page of a file or text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.at = Element("", {}, None)
        self.feed(text)
        self.close()
        assert self.at is self.root, f"{self.at.tag} is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        element = Element(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.pieces.append(element)
        if tag not in VOID:
            self.at = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.at.pieces.append(Element(tag, {name: value or "" for name, value in attrs}, self.at))

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.at.tag, f"{self.at.tag} is closed by {tag}"
        assert self.at.parent is not None
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        self.at.pieces.append(data)

    @property
    def status(self) -> str:
        return self.root.all("strong")[0].words

    @property
    def states(self) -> dict[str, tuple[str, str]]:
        """Of every state in the picture its outcome and what stands at it."""
        groups = [each for each in self.root.all("g") if "data-state" in each.attributes]
        return {group.attributes["data-state"]: (_outcome(group), _count(group)) for group in groups}

    def rows(self, heading: str) -> list[list[str]]:
        """The cells of the table under a heading."""
        (section,) = [each for each in self.root.all("section") if [h.words for h in each.all("h2")] == [heading]]
        return [[cell.words for cell in row.children] for body in section.all("tbody") for row in body.all("tr")]

    @property
    def loaded(self) -> list[tuple[str, str, str]]:
        """Everything that a browser would fetch for it."""
        found = [(each.tag, name, value) for each in _everything(self.root) for name, value in each.attributes.items()]
        fetched = [(tag, name, value) for tag, name, value in found if name in LOADING or "url(" in value.replace("url(#", "")]
        styles = [
            ("style", "", each.words) for each in self.root.all("style") if "url(" in each.words or "@import" in each.words
        ]
        return [
            *fetched,
            *styles,
            *((each.tag, "", "") for name in ("link", "iframe", "object") for each in self.root.all(name)),
        ]


def read_page(folder: Path) -> Page:
    return Page((folder / "index.html").read_text("utf-8"))


def _everything(element: Element) -> list[Element]:
    return [element, *(each for child in element.children for each in _everything(child))]


def _outcome(group: Element) -> str:
    (found,) = [word for word in group.attributes["class"].split() if word.startswith("is-")]
    return found.removeprefix("is-")


def _count(group: Element) -> str:
    (found,) = [each.words for each in group.children if each.attributes.get("class") == "count"]
    return found


def browse(page: Path, profile: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Opens a page in a real browser without a window; skips where there is none."""
    program = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium is installed")
    quiet = ["no-first-run", "disable-background-networking", "disable-component-update", "disable-sync", "disable-quic"]
    options = ["headless", "no-sandbox", "disable-gpu", *quiet, f"user-data-dir={profile}", "enable-logging=stderr", "v=0"]
    command = [program, *(f"--{option}" for option in options), *arguments, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
