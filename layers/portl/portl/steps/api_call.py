"""``api.call``: an HTTP request is sent for a record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from portl.connections import Connections, marks_as_names
from portl.jobs import ResultShape, StepSpec, alone
from portl.runs import Request, Scope, StepType, run_step
from portl.values import Compiled, Unknown, as_string, compile_value, json_text, to_json

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

    connects_to: ClassVar[str | None] = "http"
    shape: ClassVar[ResultShape] = ResultShape(frozenset({"status", "headers", "json", "text"}))

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """See StepSpec."""
        yield from super().expressions()
        for name, value in self.model_dump(by_alias=True, include=set(_FIELDS) - {"json"} | {"json_"}).items():
            if value:
                yield (name,), value

    def findings(self) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
        """One address, one body."""
        if (self.path is None) == (self.url is None):
            yield ("path",), "J004", "a call has either path or url", "path is under the connection's base_url"
        bodies = [name for name, value in (("json", self.json_), ("body", self.body), ("form", self.form)) if value is not None]
        if len(bodies) > 1:
            yield (bodies[1],), "J004", f"a call has one body, not {' and '.join(bodies)}", "leave one of them"


class Calling:
    """An api.call made ready."""

    def __init__(self, spec: ApiCall, connections: Connections) -> None:
        self._spec = spec
        self._connection = str(spec.connection)
        self._url = compile_value(spec.path if spec.path is not None else spec.url)
        self._headers = [_header(name, text, connections) for name, text in spec.headers.items()]
        self._key = compile_value(spec.idempotency_key)
        self._parts = compile_value({"query": spec.query, "json": spec.json_, "body": spec.body, "form": spec.form})

    def plan(self, scope: Scope) -> Request:
        """The request for one record."""
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
        """``{status, headers, json | text}``."""
        body = {"text": answer.text} if answer.text is not None else {"json": answer.json}
        return {"status": answer.status, "headers": answer.headers, **body}

    def outcome(self, _: Any) -> str:
        """Called."""
        return "called"


def _header(name: str, text: str, connections: Connections) -> tuple[str, Compiled, dict[str, Any]]:
    template, marks = marks_as_names(text)
    return name, compile_value(template), {key: connections.resolve(mark) for key, mark in marks.items()}


STEP = StepType("api.call", ApiCall, Calling, run_step)
