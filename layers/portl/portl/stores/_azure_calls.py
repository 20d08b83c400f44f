"""The few calls of the Blob service that obstore has no words for.

https://learn.microsoft.com/en-us/rest/api/storageservices/blob-service-rest-api
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote, urlencode, urlsplit

from portl.stores._azure_access import API_VERSION
from portl.stores._http_calls import HttpCalls, xml


class BlobCalls:
    """Calls on one container. ``address`` is the container's, without anything behind it."""

    def __init__(self, address: str, timeout_s: float) -> None:
        self.address = address
        self._http = HttpCalls(address, timeout_s)

    def address_of(self, key: str) -> str:
        """The address of a blob. A part that is a dot or two is written so that nobody on the way takes it for a step."""
        parts = (quote(part, safe="") for part in key.split("/"))
        return f"{self.address}/" + "/".join(part.replace(".", "%2E") if part in (".", "..") else part for part in parts)

    def call(
        self,
        method: str,
        key: str,
        signature: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        data: bytes = b"",
    ) -> tuple[Mapping[str, str], bytes]:
        """One call, answered whole. Raises as ``HttpCalls.call``."""
        target = f"{self._path(key)}?{urlencode(query) + '&' if query else ''}{signature}"
        return self._http.call(method, target, {"x-ms-version": API_VERSION, **(headers or {})}, data)

    def streamed(
        self, key: str, signature: str, headers: Mapping[str, str], size: int
    ) -> tuple[Mapping[str, str], Iterator[bytes]]:
        """A blob's headers and its content as it comes. Raises as ``HttpCalls.call``."""
        return self._http.streamed(f"{self._path(key)}?{signature}", {"x-ms-version": API_VERSION, **headers}, size)

    def close(self) -> None:
        """Lets go of connections."""
        self._http.close()

    def _path(self, key: str) -> str:
        return urlsplit(self.address_of(key) if key else self.address).path


def listed(body: bytes) -> tuple[list[tuple[str, dict[str, str] | None]], str]:
    """A page of a list: keys with their properties (None: the beginning of keys), and the marker of the next (empty: none).

    https://learn.microsoft.com/en-us/rest/api/storageservices/list-blobs
    """
    page = xml(body)
    found: list[tuple[str, dict[str, str] | None]] = []
    for each in page.iterfind("Blobs/*"):
        key = each.findtext("Name") or ""
        if each.find("Name[@Encoded='true']") is not None:
            key = unquote(key)
        told = {field.tag: field.text or "" for field in each.iterfind("Properties/*")}
        found.append((key, told if each.tag == "Blob" else None))
    return found, page.findtext("NextMarker") or ""
