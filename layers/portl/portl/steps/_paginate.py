"""``paginate`` and ``rate`` of an ``api.call``: how an answer leads to the next page, and how many requests go out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from portl.errors import HttpError, TemplateError
from portl.jobs import Retry, Strict
from portl.runs import Pages, Request, Scope
from portl.values import Unknown, compile_value, json_text, shortened, to_json

RESPONSE, PAGE = "response", "page"
MOST_SLOW = 1_000
"""A request and the wait for it take about a dozen events, and an execution ends at 25,000.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""
_RATE = re.compile(r"(\d+)/(s|min|h)")
_ONE = re.compile(r"""\$(\.[\w-]+|\['[^'\\]*'\]|\["[^"\\]*"\]|\[-?\d+\])*""")
"""A JSONPath that finds one value at most. https://www.rfc-editor.org/rfc/rfc9535#name-singular-query"""
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3_600.0}


class Following(Strict):
    """The next page is the same request with other values; where one of them is null or empty, there is none."""

    query: dict[str, Any] = Field(default_factory=dict, description="Takes the place of fields of the first query.")
    json_: dict[str, Any] | None = Field(default=None, alias="json", description="Takes the place of fields of the first json.")


def _next(value: Any) -> Any:
    if isinstance(value, (str, dict)):
        return value
    raise PydanticCustomError("next", "should be an expression for an address, or a mapping with query or json")


class Paginate(Strict):
    """An answer that comes in pages. ``response`` (status, headers, links, json or text) is a page, ``page`` its number."""

    next: Annotated[str | Following, BeforeValidator(_next)] = Field(
        description='The next page\'s address, as "{{ response.links.next }}", or the query or json it differs by; null: none.'
    )
    items: str = Field(
        default="{{ response.json }}",
        description="The records of a page: an expression for a list, or a JSONPath such as $.items.",
    )
    max: int = Field(default=1_000, ge=1, le=10_000, description="Pages at most; more are an error.")
    hosts: list[str] = Field(
        default_factory=list,
        description="Other hosts that a page may be on (host or host:port); no header of the job goes there.",
    )


class Rate(Strict):
    """So many requests in so many seconds, equally far apart."""

    requests: int = Field(ge=1, le=100_000, description="How many.")
    per_s: float = Field(default=1, gt=0, description="In how many seconds.")


def _rate(value: Any) -> Any:
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found:
        return {"requests": int(found[1]), "per_s": _SECONDS[found[2]]}
    if isinstance(value, (dict, Rate)):
        return value
    raise PydanticCustomError("rate", "should be such as 10/s, 100/min or 500/h, or a mapping with requests and per_s")


_SHORT = {"type": "string", "pattern": f"^{_RATE.pattern}$"}
_LONG = {
    "type": "object",
    "properties": {"requests": {"type": "integer", "minimum": 1}, "per_s": {"type": "number", "exclusiveMinimum": 0}},
    "required": ["requests"],
    "additionalProperties": False,
}
AnyRate = Annotated[Rate, BeforeValidator(_rate), WithJsonSchema({"anyOf": [_SHORT, _LONG]})]


def paginate_expressions(spec: Paginate) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """See StepSpec.expressions."""
    if isinstance(spec.next, str):
        yield ("paginate", "next"), spec.next
    else:
        yield from ((("paginate", "next", name), value) for name, value in _parts(spec.next).items())
    if not is_path(spec.items):
        yield ("paginate", "items"), spec.items


def paginate_findings(spec: Paginate, body: Any) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
    """See StepSpec.findings; ``body`` is the first request's json."""
    if isinstance(spec.next, Following):
        if not _parts(spec.next):
            yield (
                ("paginate", "next"),
                "J004",
                "next says neither query nor json",
                'such as query: {cursor: "{{ response.json.next }}"}',
            )
        elif spec.next.json_ is not None and not isinstance(body, dict):
            hint = "write json as a mapping, or the whole body there"
            yield ("paginate", "next", "json"), "J004", "the first request has no json whose fields could be replaced", hint
    elif "{{" not in spec.next:
        yield ("paginate", "next"), "J004", "every page would lead to the same one", "write an expression over response"
    if is_path(spec.items):
        try:
            compile_value("{{ json_path(response, path) }}").render({RESPONSE: {}, "path": spec.items})
        except TemplateError as problem:
            yield ("paginate", "items"), "J004", f"items is no JSONPath: {problem.message}", "such as $.data.items"


def _parts(following: Following) -> dict[str, Any]:
    given = {"query": following.query, "json": following.json_}
    return {name: value for name, value in given.items() if value}


def is_path(items: str) -> bool:
    """Whether ``items`` is a JSONPath, and no expression."""
    return items.startswith("$") and "{{" not in items


class Paging:
    """A ``paginate`` made ready."""

    def __init__(self, spec: Paginate, retry: Retry | None) -> None:
        self._spec, self._retry = spec, retry
        self._next = compile_value(spec.next if isinstance(spec.next, str) else _parts(spec.next))
        self._items = compile_value("{{ json_path(response.json, path) }}" if is_path(spec.items) else spec.items)

    def pages(self, first: Request, scope: Scope) -> Pages:
        """The pages that begin with a request."""
        spec = self._spec

        def following(response: dict[str, Any], page: int) -> dict[str, Any] | None:
            return self._following(self._next.render({**scope, RESPONSE: response, PAGE: page}))

        def items(response: dict[str, Any], page: int) -> list[Any]:
            return self._listed(self._items.render({**scope, RESPONSE: response, PAGE: page, "path": spec.items}), page)

        says = spec.model_dump(by_alias=True, exclude_none=True, exclude={"hosts"})
        return Pages(first, says, spec.max, tuple(each.lower() for each in spec.hosts), following, items, self._retry)

    def _following(self, found: Any) -> dict[str, Any] | None:
        if isinstance(found, dict):
            values = [value for part in found.values() for value in part.values()]
            return None if any(value in (None, "") for value in values) else to_json(found)
        if found in (None, "", False):
            return None
        if isinstance(found, str):
            return {"url": found}
        text = f"paginate.next gives {shortened(str(json_text(found)), 80)}, which is no address"
        raise HttpError(text, code="H110", hint="an address or null; a cursor goes into next.query or next.json")

    def _listed(self, found: Any, page: int) -> list[Any]:
        if _ONE.fullmatch(self._spec.items):
            found = found[0] if found else None  # the list that the path names, and not a list with that in it
        if isinstance(found, Iterable) and not isinstance(found, (str, dict, Unknown)):
            return list(found)
        text = f"paginate.items gives no list on page {page}, but {shortened(str(json_text(found)), 80)}"
        raise HttpError(text, code="H110", hint="name the list that holds the records of a page")
