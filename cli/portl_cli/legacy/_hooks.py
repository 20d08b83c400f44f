"""Hooks of the older form: SQL and requests around the job are steps; around a batch, or as a command, nothing is equal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from portl_cli.legacy._unequal import Unequal, Way

Step = tuple[dict[str, Any], Way]
_SQL = ("sql", "query", "statement")
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"})


def hook_steps(
    hooks: Mapping[str, Any], databases: Sequence[str], unequal: list[Unequal]
) -> tuple[list[Step], list[Step], dict[str, Any]]:
    """The steps before and after the job, each with its place, and the connections they need besides.

    ``databases`` are the connections there are; a hook works on the last one, the destination, unless it names another.
    """
    connections: dict[str, Any] = {}
    made: dict[str, list[Step]] = {"before_job": [], "after_job": []}
    for name, given in hooks.items():
        if given is not None and name not in made:
            hint = "a step of the same batch does something for each record, after_job for all of them"
            unequal.append(
                Unequal(("hooks", name), "J401", f"{name} has no equal: steps go over records, not batches", hint, part=True)
            )
            continue
        for at, (hook, path) in enumerate(_each(name, given), 1):
            step = _sql(hook, databases) or _request(hook, connections)
            if step is None:
                text, hint = (
                    "this hook has no equal: it is neither SQL nor a request",
                    "a lambda.invoke can run code of your own",
                )
                unequal.append(Unequal(path, "J401", text, hint, part=True))
            else:
                number = f"_{at}" if at > 1 else ""
                made[name].append(({"id": f"{name}{number}", **step}, path))
    return made["before_job"], made["after_job"], connections


def _each(name: str, given: Any) -> Iterator[tuple[Any, Way]]:
    if isinstance(given, list):
        yield from ((hook, ("hooks", name, at)) for at, hook in enumerate(given))
    elif given is not None:
        yield given, ("hooks", name)


def _sql(hook: Any, databases: Sequence[str]) -> dict[str, Any] | None:
    """A statement on a database; a statement without rows answers null."""
    text = hook if isinstance(hook, str) and _looks_like_sql(hook) else None
    wanted = None
    if isinstance(hook, dict):
        text = next((hook[name] for name in _SQL if isinstance(hook.get(name), str)), None)
        wanted = hook.get("connection")
    if text is None or not databases or (wanted is not None and wanted not in databases):
        return None
    statement = text.strip().removesuffix(";")
    return {"type": "db.query_many", "connection": wanted or databases[-1], "sql": statement}


def _looks_like_sql(text: str) -> bool:
    word = text.split(maxsplit=1)[0].lower() if text.split() else ""
    return word in {"insert", "update", "delete", "truncate", "merge", "select", "with", "refresh", "analyze", "call", "create"}


def _request(hook: Any, connections: dict[str, Any]) -> dict[str, Any] | None:
    url = hook if isinstance(hook, str) else hook.get("url") if isinstance(hook, dict) else None
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        return None
    fields = hook if isinstance(hook, dict) else {}
    method = str(fields.get("method", "POST")).upper()
    if method not in _METHODS:
        return None
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}"
    name = next((each for each, spec in connections.items() if spec["base_url"] == base), f"hook_{len(connections) + 1}")
    connections[name] = {"type": "http", "base_url": base}
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    body = {name: fields[name] for name in ("json", "body") if fields.get(name) is not None}
    if isinstance(body.get("body"), dict | list):
        body = {"json": body["body"]}
    headers = {"headers": fields["headers"]} if isinstance(fields.get("headers"), dict) else {}
    return {"type": "api.call", "connection": name, "method": method, "path": path, **headers, **body}
