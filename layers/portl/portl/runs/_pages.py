"""An API's answer in pages: each is asked for as the one before it says, and kept in the run before the next one is.

``pages/<step>/<hash of what is asked>/<number>.json`` is ``{asked, next}`` of a page, and ``<number>.jsonl`` has its records.
Whoever comes back, in the same run or in one that goes on from it, goes on behind the last page that is there.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit

from portl.connections import Connections, Outgoing, links_of, outgoing, whole_address
from portl.errors import HttpError, Place, RetryAfter
from portl.runs._attempts import WAITED_S, attempt
from portl.runs._begin import Run
from portl.runs._folder import RunFolder
from portl.runs._intents import Pages, Request
from portl.runs._pace import Pace
from portl.runs._progress import Progress
from portl.values import redact, to_json

TIME_MARGIN_S = 10.0
"""No page is asked for this long before the function would be stopped, or at two thirds of a shorter time."""


class PageReader:
    """Reads the pages of one step."""

    def __init__(
        self, intent: Pages, connections: Connections, folder: RunFolder, run: Run, step_id: str, pace: Pace | None
    ) -> None:
        self._intent, self._connections, self._folder = intent, connections, folder
        self._run, self._step_id, self._pace = run, step_id, pace
        self._remaining = connections.remaining or (lambda: math.inf)
        self._margin = min(TIME_MARGIN_S, self._remaining() / 3)
        self._at = f"pages/{step_id}/{_print(self._plain(self._first()))}"
        self._pages: list[str] = []

    def read(self) -> int:
        """Reads what is left, and answers how many pages there are.

        Raises:
            HttpError: a page failed for good; H107 to H110, it leads to another host, to itself, beyond ``max``, has no list.
            RetryAfter: time runs short, or a turn is far off; what was read is kept.
        """
        progress = Progress([self._step_id], None, None)
        asked: set[str] = set()
        wanted: Outgoing | None = self._first()
        count = 0
        while wanted is not None:
            mark = _print(self._plain(wanted))
            self._refuse_loop(wanted, mark in asked)
            asked.add(mark)
            page = self._kept(len(self._pages) + 1, mark) or self._asked(wanted, mark)
            count += page["count"]
            progress.at(count)
            wanted = self._next(page["next"], wanted)
        progress.end(count)
        return len(self._pages)

    def records(self) -> Iterator[Any]:
        """The records of all pages, one page after the other; behind ``read``."""
        for name in self._pages:
            yield from self._folder.read_lines(f"{name}.jsonl")

    def _first(self) -> Outgoing:
        return self._outgoing(self._intent.first, 1)

    def _outgoing(self, request: Request, page: int) -> Outgoing:
        """The request of a page. Each has a key of its own: a server that heeds them would answer the first page again."""
        headers = {"Idempotency-Key": self._run.idempotency_key(self._step_id, None), **request.headers}
        if page > 1:
            name = next(each for each in reversed(headers) if each.lower() == "idempotency-key")
            headers[name] = f"{headers[name]}-{page}"
        spec = self._connections.spec(request.connection)
        body = {"query": request.query, "json": request.json, "body": request.body, "form": request.form}
        return outgoing(spec, request.method, request.url, headers=headers, **body)

    def _kept(self, number: int, mark: str) -> dict[str, Any] | None:
        """A page that is there already: of this run, or of one that it goes on from."""
        origin = self._run.origin
        bases = origin.bases if origin is not None and self._step_id not in origin.redo else ()
        for name in (self._name(number), *(f"/{base}/{self._name(number)}" for base in bases)):
            found = self._folder.find(f"{name}.json")
            if found is not None and found["asked"] == mark:
                self._pages.append(name)
                return dict(found)
        return None

    def _name(self, number: int) -> str:
        return f"{self._at}/{number:05d}"

    def _asked(self, wanted: Outgoing, mark: str) -> dict[str, Any]:
        """Asks for a page and keeps it: its records first, so that one whose ``.json`` is there is whole."""
        number = len(self._pages) + 1
        self._take_turn()
        connection, first = self._connections.get(self._intent.first.connection), self._intent.first
        turn = self._pace is not None
        answer = attempt(
            lambda: connection.send(wanted, timeout_s=first.timeout_s, expect=first.expect),
            self._intent.retry,
            WAITED_S,
            self._step_id,
            self._pace,
            has_turn=turn,
        )
        response = {"status": answer.status, "headers": answer.headers, "links": {"next": None, **links_of(answer.headers)}}
        response |= {"text": answer.text} if answer.text is not None else {"json": answer.json}
        items = self._intent.items(response, number)
        page = {"asked": mark, "count": len(items), "next": to_json(self._intent.following(response, number))}
        self._folder.write_lines(f"{self._name(number)}.jsonl", items)
        self._folder.write(f"{self._name(number)}.json", page)
        self._pages.append(self._name(number))
        return page

    def _take_turn(self) -> None:
        if self._remaining() < self._margin:
            raise RetryAfter("1")
        if self._pace is not None:
            if self._pace.is_slow and (seconds := self._pace.wait_s()) > 0:
                raise RetryAfter(str(math.ceil(seconds)))
            self._pace.take()

    def _next(self, following: dict[str, Any] | None, before: Outgoing) -> Outgoing | None:
        """The request of the page that an answer leads to."""
        if following is None:
            return None
        if len(self._pages) >= self._intent.most:
            text = f"there are more than {self._intent.most:,} pages"
            raise HttpError(text, code="H109", hint="raise paginate.max, or let next be null where enough was read")
        first = self._intent.first
        if "url" in following:
            return self._at_address(urljoin(whole_address(before), following["url"]), len(self._pages) + 1)
        json_body = {**first.json, **following["json"]} if following.get("json") else first.json
        query = {**first.query, **following.get("query", {})}
        return self._outgoing(replace(first, query=query, json=json_body), len(self._pages) + 1)

    def _at_address(self, address: str, page: int) -> Outgoing:
        """A page by its address. To a host that is only allowed go none of the headers: they are for the first one."""
        own = _host(whole_address(self._first()))
        request = self._outgoing(replace(self._intent.first, url=address, query={}), page)
        theirs = _host(address)
        if theirs == own:
            return request
        if theirs[0] not in ("http", "https") or not {theirs[1], theirs[1].rpartition(":")[0]} & {*self._intent.hosts}:
            text = f"the next page is on another host: {theirs[0]}://{theirs[1]}"
            hint = "if it is to be trusted, name it in paginate.hosts; none of the headers go there"
            raise HttpError(text, code="H107", hint=hint, detail={"url": redact(address)}, place=Place(step=self._step_id))
        return replace(request, headers={})

    def _refuse_loop(self, wanted: Outgoing, seen: bool) -> None:
        if seen:
            text = (
                f"page {len(self._pages)} leads to a page that was read before: {wanted.method} {redact(whole_address(wanted))}"
            )
            raise HttpError(text, code="H108", hint="is next what the API means by it?", place=Place(step=self._step_id))

    def _plain(self, request: Outgoing) -> Any:
        """What a request asks, without what differs in every run; of the connection the address says enough."""
        asks = [request.method, whole_address(request), request.json, request.body, request.form]
        return [self._intent.says, *asks]


def _host(address: str) -> tuple[str, str]:
    """Scheme, and host with port, in lower case; the port that the scheme means is told too."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return "", address
    return parts.scheme.lower(), f"{(parts.hostname or '').lower()}:{port}"


def _print(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()[:16]
