"""``api.call``: an HTTP request is sent for a record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from portl.connections import Connections, marks_as_names
from portl.jobs import ResultShape, StepSpec, alone
from portl.runs import CALLED, Pages, Request, Scope, StepType, Task, run_pages, run_step
from portl.steps._paginate import (
    MOST_SLOW,
    PAGE,
    RESPONSE,
    AnyRate,
    Paginate,
    Paging,
    Rate,
    paginate_expressions,
    paginate_findings,
)
from portl.values import Compiled, Unknown, as_string, compile_value, json_text, to_json

LONGEST_S = 3_600
_FIELDS = ("path", "url", "headers", "query", "json", "body", "form", "idempotency_key")


_ADDRESS_AND_BODY: dict[str, Any] = {
    "anyOf": [{"required": ["path"]}, {"required": ["url"]}],
    "dependencies": {"path": alone("url"), "json": alone("body", "form"), "body": alone("form")},
}


class ApiCall(StepSpec):
    """Sends one request. Any 2xx is a success unless ``expect`` lists others; 408, 425, 429 and 5xx may succeed later."""

    model_config = ConfigDict(json_schema_extra=_ADDRESS_AND_BODY)

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: str | None = Field(default=None, description="The address under the connection's base_url.")
    url: str | None = Field(default=None, description="A whole address; the connection's headers go under base_url only.")
    headers: dict[str, str] = Field(default_factory=dict, description="Sent besides those of the connection.")
    query: dict[str, Any] = Field(default_factory=dict, description="What stands behind the ? of the address.")
    json_: Any = Field(default=None, alias="json", description="The body, as JSON.")
    body: str | None = Field(default=None, description="The body, as text.")
    form: dict[str, Any] | None = Field(default=None, description="The body, as the fields of a form.")
    expect: list[int] = Field(default_factory=list, description="The statuses that are a success; any 2xx when not told.")
    idempotency_key: str | None = Field(
        default=None, description="Sent as Idempotency-Key; made of job, run key, step and record when not told."
    )
    concurrency: int | None = Field(default=None, ge=1, le=100, description="Calls of a chunk at once; 8 when not told.")
    rate: AnyRate | None = Field(
        default=None, description="Requests of this step in a time, such as 10/s, over all its chunks."
    )
    paginate: Paginate | None = Field(default=None, description="The answer comes in pages: their items become rows.")

    connects_to: ClassVar[str | None] = "http"
    shape: ClassVar[ResultShape] = ResultShape(frozenset({"status", "headers", "json", "text"}))

    @property
    def result_shape(self) -> ResultShape:
        """See StepSpec."""
        return self.shape if self.paginate is None else ResultShape(frozenset({"rows", "count", "pages"}), frozenset({"rows"}))

    @property
    def comes_back(self) -> bool:
        """See StepSpec."""
        return self.paginate is not None

    def own_names(self) -> Iterator[tuple[str, str]]:
        """See StepSpec."""
        if self.paginate is not None:
            yield from (("paginate", name) for name in (RESPONSE, PAGE))

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """See StepSpec."""
        yield from super().expressions()
        for name, value in self.model_dump(by_alias=True, include=set(_FIELDS) - {"json"} | {"json_"}).items():
            if value:
                yield (name,), value
        if self.paginate is not None:
            yield from paginate_expressions(self.paginate)

    def findings(self) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
        """One address, one body."""
        if (self.path is None) == (self.url is None):
            yield ("path",), "J004", "a call has either path or url", "path is under the connection's base_url"
        bodies = [name for name, value in (("json", self.json_), ("body", self.body), ("form", self.form)) if value is not None]
        if len(bodies) > 1:
            yield (bodies[1],), "J004", f"a call has one body, not {' and '.join(bodies)}", "leave one of them"
        if self.paginate is not None:
            yield from paginate_findings(self.paginate, self.json_)
        if self.rate is not None:
            yield from self._rate_findings(self.rate)

    def _rate_findings(self, rate: Rate) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
        """A state machine remembers so many waits only, and each request of a slow rate has one."""
        distance = rate.per_s / rate.requests
        most = self.paginate.max if self.paginate else self.batch.size or 0 if self.batch else 0
        if distance > LONGEST_S:
            yield (
                ("rate",),
                "J004",
                f"a request every {distance:,.0f} s is less than one an hour",
                "let a trigger start the job",
            )
        elif distance > 1 and most > MOST_SLOW:
            field = ("paginate", "max") if self.paginate else ("batch", "size")
            text = f"{most:,} requests, each waited for, are more than a state machine can remember"
            yield field, "J004", text, f"write {MOST_SLOW:,} at most, or a rate of one a second or more"


class Calling:
    """An api.call made ready."""

    def __init__(self, spec: ApiCall, connections: Connections) -> None:
        self._spec = spec
        self._connection = str(spec.connection)
        self._url = compile_value(spec.path if spec.path is not None else spec.url)
        self._headers = [_header(name, text, connections) for name, text in spec.headers.items()]
        self._key = compile_value(spec.idempotency_key)
        self._paging = Paging(spec.paginate, spec.retry) if spec.paginate is not None else None
        self._parts = compile_value({"query": spec.query, "json": spec.json_, "body": spec.body, "form": spec.form})

    def plan(self, scope: Scope) -> Request | Pages:
        """The request for one record, or the pages that begin with it."""
        request = self._request(scope)
        return request if self._paging is None else self._paging.pages(request, scope)

    def _request(self, scope: Scope) -> Request:
        key = self._key.render(scope)
        headers = {name: as_string(value.render({**scope, **marks})) for name, value, marks in self._headers}
        return Request(
            connection=self._connection,
            method=self._spec.method,
            url=self._address(scope),
            headers={**({"Idempotency-Key": as_string(key)} if key is not None else {}), **headers},
            expect=tuple(self._spec.expect),
            timeout_s=self._spec.timeout_s,
            **self._body(scope),
        )

    def _address(self, scope: Scope) -> str | Unknown:
        """A path stays under the connection's base, whatever a record holds; only ``url`` names another host."""
        url = self._url.render(scope)
        return as_string(url) if self._spec.path is None else as_string(url, lambda path: "/" + path.lstrip("/"))

    def _body(self, scope: Scope) -> dict[str, Any]:
        parts: dict[str, Any] = to_json(self._parts.render(scope))
        if parts["body"] is not None and not isinstance(parts["body"], (str, Unknown)):
            parts["body"] = json_text(parts["body"])
        return parts

    def result(self, answer: Any) -> Any:
        """``{status, headers, json | text}``; of pages ``{rows, count, pages}``, the rows by reference."""
        if self._paging is not None:
            rows, pages = answer
            return {"rows": {"$rows": rows.to_json()}, "count": rows.count, "pages": pages}
        body = {"text": answer.text} if answer.text is not None else {"json": answer.json}
        return {"status": answer.status, "headers": answer.headers, **body}

    def outcome(self, result: Any) -> str:
        """Called; of pages the records are counted, and the calls that it took."""
        return "called" if self._paging is None else f"read:{result['count']}+{CALLED}:{result['pages']}"


def _header(name: str, text: str, connections: Connections) -> tuple[str, Compiled, dict[str, Any]]:
    template, marks = marks_as_names(text)
    return name, compile_value(template), {key: connections.resolve(mark) for key, mark in marks.items()}


def run(task: Task, step_type: StepType) -> dict[str, Any]:
    """The driver: of a call for each record, or of pages."""
    return run_pages(task, step_type) if task.step.get("paginate") else run_step(task, step_type)


STEP = StepType("api.call", ApiCall, Calling, run)
