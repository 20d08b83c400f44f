"""Where an answer leads: the links in its header, and the whole address of a request, which relative ones stand under."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from portl.connections._outgoing import Outgoing


def links_of(headers: Mapping[str, str]) -> dict[str, str]:
    """The addresses of the Link header, by ``rel``. https://www.rfc-editor.org/rfc/rfc8288."""
    import httpx

    found = httpx.Response(200, headers={"link": headers.get("link", "")}).links
    return {str(rel): str(link["url"]) for rel, link in found.items() if rel and "url" in link}


def whole_address(request: Outgoing) -> str:
    """The address of a request with all of its query."""
    from httpx import QueryParams

    from portl.connections._http import query_of

    address = str(request.url)
    query = query_of(address, request.query)
    return address if query is None else urlsplit(address)._replace(query=str(QueryParams(query))).geturl()
