"""A request as it goes out: the connection's base and headers put together with what a step asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from portl.connections._models import HttpSpec
from portl.values import Unknown, text_with


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request. At most one of ``json``, ``body`` and ``form`` is there; ``query`` is added to that of the ``url``.

    While a plan is made, any part may be an ``Unknown``.
    """

    method: str
    url: str | Unknown
    headers: dict[str, Any]
    query: Mapping[str, Any] | None = None
    json: Any = None
    body: str | Unknown | None = None
    form: Mapping[str, Any] | None = None


def outgoing(
    spec: HttpSpec,
    method: str,
    url: str | Unknown,
    *,
    headers: Mapping[str, Any] | None = None,
    query: Mapping[str, Any] | None = None,
    json: Any = None,
    body: str | Unknown | None = None,
    form: Mapping[str, Any] | None = None,
) -> Outgoing:
    """The request for a ``url`` that is a path under the connection's base, or a whole address.

    The connection's headers go to addresses under its base only.
    """
    address, own = _address(spec.base_url.rstrip("/"), url)
    sent = {**(spec.headers if own else {}), **(headers or {})}
    if json is not None:
        sent.setdefault("Content-Type", "application/json")
    return Outgoing(method, address, sent, query or None, json, body, form)


def _address(base: str, url: str | Unknown) -> tuple[str | Unknown, bool]:
    """The whole address, and whether it is under the base."""
    if isinstance(url, Unknown):
        return (text_with([base, url]), True) if url.shown.startswith("/") else (url, False)
    if not url.lower().startswith(("http://", "https://")):
        return f"{base}/{url.lstrip('/')}", True
    mine, theirs = urlsplit(base), urlsplit(url)
    return url, (mine.scheme, mine.netloc) == (theirs.scheme, theirs.netloc)
