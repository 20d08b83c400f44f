"""A request as it goes out: the connection's base and headers put together with what a step asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from portl.connections._models import HttpSpec
from portl.values import Unknown, as_string, text_with


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
        return _unknown_address(base, url)
    if not url.lower().startswith(("http://", "https://")):
        return f"{base}/{url.lstrip('/')}", True
    return url, _same_host(base, url)


def _same_host(base: str, url: str) -> bool:
    try:
        mine, theirs = urlsplit(base), urlsplit(url)
    except ValueError:  # it is no address, which is said when it is sent
        return False
    return (mine.scheme, mine.netloc) == (theirs.scheme, theirs.netloc)


def _unknown_address(base: str, url: Unknown) -> tuple[str | Unknown, bool]:
    """As far as its beginning tells. Of one that nobody knows at all the plan shows what might go out: the headers too."""
    begins = url.begins
    if not begins.lower().startswith(("http://", "https://")):
        return (text_with([base, "/", as_string(url, lambda path: path.lstrip("/"))]), True) if begins else (url, True)
    whole = "/" in begins.partition("://")[2]
    return url, not whole or _same_host(base, begins)
