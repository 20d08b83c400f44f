from __future__ import annotations

import json as json_text
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from portl.connections._models import HttpSpec
from portl.connections._outgoing import Outgoing, outgoing
from portl.errors import HttpError
from portl.values import from_json, redact

TRANSIENT = frozenset({408, 425, 429, 500, 501, 502, 503, 504}) - {501}
SHOWN = 500


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An API's answer. ``json`` is parsed when the content type says JSON; otherwise ``text`` holds the body."""

    status: int
    headers: dict[str, str]
    json: Any = None
    text: str | None = None


class HttpConnection:
    """An API under one base address, with a pool of connections kept alive."""

    def __init__(self, name: str, spec: HttpSpec, transport: httpx.BaseTransport | None = None) -> None:
        self.name = name
        self._spec = spec
        base = urlsplit(spec.base_url)
        if base.scheme not in ("http", "https") or not base.hostname:
            hint = "such as https://api.example.com"
            raise HttpError(f"the base_url of {name} is no http address", code="H105", hint=hint)
        limits = httpx.Limits(max_connections=spec.max_connections, max_keepalive_connections=spec.max_connections)
        self._client = httpx.Client(
            transport=transport, verify=_tls(), timeout=spec.timeout_s, limits=limits, follow_redirects=False
        )

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        body: str | None = None,
        form: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
        expect: tuple[int, ...] = (),
    ) -> HttpAnswer:
        """Sends one request and answers when its status is expected (any 2xx, unless ``expect`` lists others).

        Raises:
            HttpError: H101 status, H102 not reached, H103 timed out, H104 the body is no JSON, H105 the address is wrong.
        """
        request = outgoing(self._spec, method, url, headers=headers, query=query, json=json, body=body, form=form)
        return self.send(request, timeout_s=timeout_s, expect=expect)

    def send(self, request: Outgoing, *, timeout_s: float | None = None, expect: tuple[int, ...] = ()) -> HttpAnswer:
        """Sends a request that was put together; answers and raises as ``request``."""
        method, address = request.method, str(request.url)
        extra: dict[str, Any] = {**_content(request), **({"timeout": timeout_s} if timeout_s else {})}
        try:
            answer = self._client.request(
                method, address, headers=request.headers, params=query_of(address, request.query), **extra
            )
        except httpx.TimeoutException as problem:
            raise self._lost("H103", method, address, "did not answer in time", "raise timeout_s", problem) from problem
        except (httpx.TransportError, httpx.DecodingError) as problem:
            raise self._lost("H102", method, address, "could not be reached", "is it running?", problem) from problem
        except (httpx.InvalidURL, ValueError, TypeError) as problem:
            raise HttpError(
                f"{method} {_plain(address)}: {type(problem).__name__}", code="H105", hint="check url, headers and query"
            ) from problem
        return self._judge(method, address, answer, expect)

    def close(self) -> None:
        """Closes the pool."""
        self._client.close()

    def _judge(self, method: str, address: str, answer: httpx.Response, expect: tuple[int, ...]) -> HttpAnswer:
        expected = answer.status_code in expect if expect else answer.is_success
        if not expected:
            raise self._refused(method, address, answer)
        if "json" not in answer.headers.get("content-type", ""):
            return HttpAnswer(answer.status_code, dict(answer.headers), text=answer.text)
        try:
            parsed = from_json(answer.content) if answer.content else None
        except ValueError as problem:
            text = f"{method} {_plain(address)} says JSON and sends none"
            raise HttpError(text, code="H104", hint="ask the API's owner", detail={"body": _shown(answer)}) from problem
        return HttpAnswer(answer.status_code, dict(answer.headers), json=parsed)

    def _refused(self, method: str, address: str, answer: httpx.Response) -> HttpError:
        wait = retry_after(answer.headers.get("retry-after"))
        outcome = "Permanent"
        if answer.status_code in TRANSIENT:
            outcome = "Throttled" if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or wait is not None else "Transient"
        detail = {"method": method, "url": _plain(address), "status": answer.status_code, "body": _shown(answer)}
        hint = "it may succeed later: add retry" if outcome != "Permanent" else "look at the request and the answer's body"
        text = f"{method} {_plain(address)} answered {answer.status_code} {answer.reason_phrase}: {_shown(answer)}"
        return HttpError(text, code="H101", hint=hint, outcome=outcome, detail=detail, retry_after=wait)

    def _lost(self, code: str, method: str, address: str, what: str, hint: str, problem: Exception) -> HttpError:
        detail = {"method": method, "url": _plain(address), "reason": str(problem)}
        text = f"{method} {_plain(address)} {what}: {problem}"
        return HttpError(text, code=code, hint=hint, outcome="Transient", detail=detail)


def _shown(answer: httpx.Response) -> str:
    """The beginning of a body. What is secret is masked before the cut: half a secret would not be known as one."""
    masked: str = redact(answer.text[: 8 * SHOWN])
    return masked[:SHOWN]


def _content(request: Outgoing) -> dict[str, Any]:
    """The body, as httpx takes it."""
    if request.json is not None:
        return {"content": json_text.dumps(request.json, ensure_ascii=False, allow_nan=False).encode()}
    if request.body is not None:
        return {"content": str(request.body).encode()}
    return {"data": dict(request.form)} if request.form is not None else {}


def ready() -> None:
    """Loads what the first connection of a process would: before processes are forked, so that each has it already."""
    httpx.HTTPTransport(verify=_tls()).close()


@cache
def _tls() -> ssl.SSLContext:
    """Made once a process: reading the authorities takes longer than most requests."""
    return httpx.create_ssl_context()


def query_of(address: str, more: Mapping[str, Any] | None) -> list[tuple[str, Any]] | None:
    """The query of an address with more of it; None leaves the address as it is."""
    if not more:
        return None
    return [*parse_qsl(urlsplit(address).query, keep_blank_values=True), *httpx.QueryParams(dict(more)).multi_items()]


def _plain(address: str) -> str:
    """The address without user and password."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address.rpartition("@")[2]
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header, a number or a date. https://www.rfc-editor.org/rfc/rfc9110#field.retry-after."""
    if not value:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
