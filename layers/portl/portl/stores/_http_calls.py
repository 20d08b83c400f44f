"""Calls over HTTP that obstore has no words for, by the standard library: httpx would take longer to load."""

from __future__ import annotations

import select
import ssl
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from socket import socket
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from portl.errors import StoreError, StoreTimeout, Unavailable


class ServiceError(Exception):
    """What a service has answered, of what is not good news."""

    def __init__(self, status: int, code: str, text: str, retry_after: float | None) -> None:
        super().__init__(f"{code}: {text}" if text else code)
        self.status, self.code, self.retry_after = status, code, retry_after


class HttpCalls:
    """Calls on the host of an address, over connections that are kept."""

    def __init__(self, address: str, timeout_s: float) -> None:
        self.address, self._timeout_s = address, timeout_s
        self._idle: deque[HTTPConnection] = deque()

    def call(self, method: str, target: str, headers: Mapping[str, str], data: bytes = b"") -> tuple[Mapping[str, str], bytes]:
        """One call, answered whole: headers, by lower names, and body. ``target`` is path and query.

        Raises:
            ServiceError, OSError, HTTPException.
        """
        connection, answer = self._asked(method, target, headers, data)
        try:
            body = answer.read()
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return _headers(answer), body

    def streamed(self, target: str, headers: Mapping[str, str], size: int) -> tuple[Mapping[str, str], Iterator[bytes]]:
        """The headers, as ``call``, and the content as it comes, ``size`` bytes at a time. Raises as ``call``."""
        connection, answer = self._asked("GET", target, headers, b"")

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

    def _asked(self, method: str, target: str, headers: Mapping[str, str], data: bytes) -> tuple[HTTPConnection, HTTPResponse]:
        connection = self._connection()
        try:
            connection.request(method, target, data or None, {"Content-Length": str(len(data)), **headers})
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


def xml(body: bytes) -> ET.Element:
    """An answer in XML. Raises HTTPException where it is none, or only a part of it."""
    try:
        return ET.fromstring(body)  # noqa: S314 - from the service that is trusted with the files themselves
    except ET.ParseError as problem:
        raise HTTPException(f"the answer cannot be read: {problem}") from problem


def _check(answer: HTTPResponse) -> None:
    if answer.status < 300:  # noqa: PLR2004 - RFC 9110: it worked
        return
    text = answer.read().decode(errors="replace")
    code = answer.headers.get("x-ms-error-code", "") or _between(text, "Code") or f"status {answer.status}"
    after = answer.headers.get("Retry-After", "")
    message = _between(text, "Message").partition("\n")[0]
    raise ServiceError(answer.status, code, message, float(after) if after.isdigit() else None)


def _headers(answer: HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


def _between(text: str, name: str) -> str:
    return text.partition(f"<{name}>")[2].partition(f"</{name}>")[0]
