"""Whatever goes wrong while pages are read, each is kept once and its records stand in order (jobs.md S5)."""

from __future__ import annotations

import json
import threading
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portl.connections import HttpSpec
from portl.connections._http import HttpConnection
from portl.errors import HttpError, StepError
from portl.jobs import Retry
from portl.runs import Pace, Pages, Request, Run, RunFolder
from portl.runs._pages import PageReader
from portl.stores import MemoryDriver, Store, open_store

BASE = "http://api.test"


class Api:
    """Answers pages of so many records; the n-th request meets what ``troubles`` has for it, each once."""

    def __init__(self, total: int, size: int, troubles: dict[int, str]) -> None:
        self.total, self.size, self.troubles = total, size, dict(troubles)
        self.asked: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("page", 1))
        self.asked.append(page)
        trouble = self.troubles.pop(len(self.asked), "")
        if trouble == "lost":
            raise httpx.ConnectError("lost")
        if trouble == "refused":
            return httpx.Response(503)
        items = list(range((page - 1) * self.size, min(page * self.size, self.total)))
        following = f"/items?page={page + 1}" if page * self.size < self.total else None
        return httpx.Response(200, json={"items": items, "next": following, "dies": trouble == "dies"})


class Killed(BaseException):
    """The function is gone: nothing behind it happens."""


class Connected:
    """What a PageReader uses of portl.connections.Connections, over a transport of the test's."""

    remaining = None

    def __init__(self, api: Any) -> None:
        self._spec = HttpSpec(type="http", base_url=BASE)
        self._connection = HttpConnection("api", self._spec, httpx.MockTransport(api))

    def spec(self, _: str) -> HttpSpec:
        return self._spec

    def get(self, _: str) -> HttpConnection:
        return self._connection


def items(response: dict[str, Any], _: int) -> list[Any]:
    if response["json"]["dies"]:
        raise Killed
    return list(response["json"]["items"])


def following(response: dict[str, Any], _: int) -> dict[str, Any] | None:
    return {"url": response["json"]["next"]} if response["json"]["next"] else None


def reader(api: Api, folder: RunFolder, retry: Retry | None) -> PageReader:
    run = Run(folder.run_id, "j", "2026-01-01T00:00:00+00:00", {}, "key")
    intent = Pages(Request("api", "GET", "/items"), {"next": "n"}, 1_000, (), following, items, retry)
    return PageReader(intent, Connected(api), folder, run, "pull", None)  # type: ignore[arg-type]


@given(
    total=st.integers(0, 40),
    size=st.integers(1, 9),
    troubles=st.dictionaries(st.integers(1, 30), st.sampled_from(["lost", "refused", "dies"]), max_size=8),
    attempts=st.integers(1, 3),
)
def test_pages_are_kept_once_and_in_order_whatever_is_lost_refused_or_killed(
    total: int, size: int, troubles: dict[int, str], attempts: int
) -> None:
    api = Api(total, size, troubles)
    folder = RunFolder(Store(MemoryDriver()), "run")
    retry = Retry(max_attempts=attempts, backoff_ms=0)
    for _ in range(len(troubles) + 1):
        attempt = reader(api, folder, retry)
        try:
            pages = attempt.read()
            break
        except (StepError, Killed):
            continue
    assert list(attempt.records()) == list(range(total))
    assert pages == max(1, -(-total // size))
    went_wrong = len(troubles) - len(api.troubles)
    assert len(api.asked) == pages + went_wrong, "only what went wrong is asked for again"
    assert api.asked == sorted(api.asked), "and never a page before it"


def test_what_is_asked_otherwise_begins_anew() -> None:
    folder = RunFolder(Store(MemoryDriver()), "run")
    api = Api(9, 3, {})
    assert reader(api, folder, None).read() == 3
    again = Pages(Request("api", "GET", "/items", query={"q": 1}), {"next": "n"}, 9, (), following, items)
    run = Run("run", "j", "2026-01-01T00:00:00+00:00", {}, "key")
    assert PageReader(again, Connected(api), folder, run, "pull", None).read() == 3  # type: ignore[arg-type]
    assert Counter(api.asked) == {1: 2, 2: 2, 3: 2}


@pytest.mark.parametrize(
    "address",
    [
        "https://api.test/items",
        "http://api.test:81/items",
        "//other.test/x",
        "http://api.test.other.test/",
        "http://api.test@o.test/",
    ],
)
def test_another_host_port_or_scheme_is_not_followed(address: str) -> None:
    def away(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"items": [], "next": address, "dies": False})

    folder = RunFolder(Store(MemoryDriver()), "run")
    with pytest.raises(HttpError) as told:
        reader(away, folder, None).read()  # type: ignore[arg-type]
    assert told.value.code == "H107"


@given(threads=st.integers(1, 4), turns=st.integers(1, 4))
def test_turns_are_an_interval_apart_over_all_threads(threads: int, turns: int) -> None:
    import time

    interval = 0.004
    pace = Pace(interval, RunFolder(Store(MemoryDriver()), "run"), "s", None)
    moments: list[float] = []

    def take() -> None:
        for _ in range(turns):
            pace.take()
            moments.append(time.monotonic())

    began = time.monotonic()
    workers = [threading.Thread(target=take) for _ in range(threads)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert max(moments) - began >= threads * turns * interval * 0.99


def test_turns_of_a_slow_pace_are_known_to_whoever_comes_back(tmp_path: Path) -> None:
    folder = RunFolder(open_store(str(tmp_path)), "run")
    first = Pace(100, folder, "s", 0)
    assert first.wait_s() == 0
    first.take()
    assert 90 < Pace(100, folder, "s", 0).wait_s() <= 100
    assert 90 < Pace(100, folder, "s", 1).wait_s() <= 100, "another chunk does not begin where the last one ended"
    assert json.loads((tmp_path / "run" / "paced" / "s" / "00000.json").read_text("utf-8")) > 0
    assert [round(later - sooner) for sooner, later in pairwise([0.0, first.wait_s()])] == [100]
