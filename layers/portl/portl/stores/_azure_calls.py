"""The few calls of the Blob service that obstore has no words for, by the standard library: httpx would take longer to load.

https://learn.microsoft.com/en-us/rest/api/storageservices/blob-service-rest-api
"""

from __future__ import annotations

import select
import ssl
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from socket import socket
from urllib.parse import quote, unquote, urlencode, urlsplit
from xml.etree import ElementTree as ET

from portl.errors import StoreError, StoreTimeout, Unavailable
from portl.stores._azure_access import API_VERSION


class BlobError(Exception):
    """What the service has answered, of what is not good news."""

    def __init__(self, status: int, code: str, text: str, retry_after: float | None) -> None:
        super().__init__(f"{code}: {text}" if text else code)
        self.status, self.code, self.retry_after = status, code, retry_after


class BlobCalls:
    """Calls on one container. ``address`` is the container's, without anything behind it."""

    def __init__(self, address: str, timeout_s: float) -> None:
        self.address, self._timeout_s = address, timeout_s
        self._idle: deque[HTTPConnection] = deque()

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
        """One call, answered whole: headers, by lower names, and body. Raises BlobError, OSError, HTTPException."""
        connection, answer = self._asked(method, key, signature, query, headers, data)
        try:
            body = answer.read()
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return _headers(answer), body

    def streamed(
        self, key: str, signature: str, headers: Mapping[str, str], size: int
    ) -> tuple[Mapping[str, str], Iterator[bytes]]:
        """A blob's headers, as ``call``, and its content as it comes, ``size`` bytes at a time. Raises as ``call``."""
        connection, answer = self._asked("GET", key, signature, None, headers, b"")

        def parts() -> Iterator[bytes]:
            try:
                while part := answer.read(size):
                    yield part
                if answer.length:
                    raise HTTPException(f"the answer ended {answer.length:,} bytes too early")
            finally:
                connection.close()

        return _headers(answer), parts()

    def close(self) -> None:
        """Lets go of connections."""
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _asked(
        self,
        method: str,
        key: str,
        signature: str,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        data: bytes,
    ) -> tuple[HTTPConnection, HTTPResponse]:
        path = urlsplit(self.address_of(key) if key else self.address).path
        told = {"x-ms-version": API_VERSION, "Content-Length": str(len(data)), **(headers or {})}
        connection = self._connection()
        try:
            connection.request(method, f"{path}?{urlencode(query) + '&' if query else ''}{signature}", data or None, told)
            answer = connection.getresponse()
            _check(answer)
        except BaseException:
            connection.close()
            raise
        return connection, answer

    def _connection(self) -> HTTPConnection:
        with suppress(IndexError):
            while True:
                idle = self._idle.pop()
                if idle.sock and not _hung_up(idle.sock):
                    return idle
                idle.close()
        parts = urlsplit(self.address)
        if parts.scheme == "https":
            return HTTPSConnection(str(parts.hostname), parts.port, timeout=self._timeout_s, context=self._trusted)
        return HTTPConnection(str(parts.hostname), parts.port, timeout=self._timeout_s)

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context()


def _hung_up(idle: socket) -> bool:
    """Whether the other side has: nothing else can be read where nothing was asked."""
    asked = select.poll()
    asked.register(idle, select.POLLIN)
    return bool(asked.poll(0))


def network_meaning(problem: Exception) -> type[StoreError] | None:
    """What it means that nothing, or only a part, was answered; None: it is no fault of the network."""
    if isinstance(problem, TimeoutError):
        return StoreTimeout
    return Unavailable if isinstance(problem, (OSError, HTTPException)) else None


def listed(body: bytes) -> tuple[list[tuple[str, dict[str, str] | None]], str]:
    """A page of a list: keys with their properties (None: the beginning of keys), and the marker of the next (empty: none).

    https://learn.microsoft.com/en-us/rest/api/storageservices/list-blobs
    """
    page = ET.fromstring(body)  # noqa: S314 - from the service that is trusted with the files themselves
    found: list[tuple[str, dict[str, str] | None]] = []
    for each in page.iterfind("Blobs/*"):
        key = each.findtext("Name") or ""
        if each.find("Name[@Encoded='true']") is not None:
            key = unquote(key)
        told = {field.tag: field.text or "" for field in each.iterfind("Properties/*")}
        found.append((key, told if each.tag == "Blob" else None))
    return found, page.findtext("NextMarker") or ""


def _check(answer: HTTPResponse) -> None:
    if answer.status < 300:  # noqa: PLR2004 - RFC 9110: it worked
        return
    text = answer.read().decode(errors="replace")
    code = answer.headers.get("x-ms-error-code", "") or _between(text, "Code") or f"status {answer.status}"
    after = answer.headers.get("Retry-After", "")
    message = _between(text, "Message").partition("\n")[0]
    raise BlobError(answer.status, code, message, float(after) if after.isdigit() else None)


def _headers(answer: HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


def _between(text: str, name: str) -> str:
    return text.partition(f"<{name}>")[2].partition(f"</{name}>")[0]
