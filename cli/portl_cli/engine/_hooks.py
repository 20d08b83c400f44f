"""What is set up in the process of a function before its handler is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from portl_cli.engine._data import Json
    from portl_cli.engine._host import Answer


class Link(Protocol):
    """What a hook gets: the way from a function's process back to the host. Threads may share it."""

    def send(self, document: Mapping[str, Json]) -> None:
        """Hands a message to the host's ``on_message``; nobody answers it."""

    def invoke(self, function: str, payload: Json) -> Answer:
        """Has the host run a function, in another environment, with a timeout of its own."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A function ``install(link: Link, given: Json)`` that is called once in each process that runs functions.

    ``name`` is ``package.module:function``; ``given`` is JSON.
    """

    name: str
    given: Json = None


def install(hooks: Iterable[Hook], link: Link) -> None:
    """Calls the hooks in their order."""
    for hook in hooks:
        module, _, function = hook.name.partition(":")
        getattr(import_module(module), function)(link, hook.given)
