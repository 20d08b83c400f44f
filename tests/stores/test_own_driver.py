"""The suites of stores are open to drivers of others: pointed at one by its name, they hold it to the promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from portl.stores import Entry, How, Span
from stores.example_driver import SqliteDriver

ROOT = Path(__file__).resolve().parents[2]
SUITES = [f"tests/stores/test_{name}.py" for name in ("contract", "dying", "like_a_dictionary")]


def held(drivers: str, *arguments: str) -> tuple[set[tuple[str, str]], int]:
    """Which drivers fail which tests, and how many are passed, run as docs/writing-a-store-driver.md says."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *arguments]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env |= {"PORTL_STORE_BACKEND": drivers, "PYTHONPATH": str(ROOT / "tests")}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=env)
    assert ended.returncode in (0, 1), ended.stdout
    passed = re.search(r"(\d+) passed", ended.stdout)
    failed = re.findall(r"^FAILED \S+::(\w+)\[[\w.]+:(\w+)", ended.stdout, re.MULTILINE)
    assert len(failed) == ended.stdout.count("\nFAILED "), ended.stdout
    return {(driver, test) for test, driver in failed}, int(passed[1]) if passed else 0


def test_the_driver_of_the_documents_keeps_the_contract() -> None:
    failed, passed = held("stores.example_driver:SqliteDriver", SUITES[0], "-k", "not large")
    assert (failed, passed > 70) == (set(), True)


@pytest.mark.long
def test_the_driver_of_the_documents_keeps_every_promise_in_every_suite() -> None:
    failed, passed = held("stores.example_driver:SqliteDriver", *SUITES)
    assert (failed, passed > 100) == (set(), True)


def test_the_driver_of_the_documents_is_as_short_as_they_say() -> None:
    lines = (ROOT / "tests" / "stores" / "example_driver.py").read_text("utf-8").splitlines()
    assert len([line for line in lines if line.strip()]) < 150


class Overwrites(SqliteDriver):
    """It forgets to look whether something is there."""

    def put(self, key: str, data: bytes, how: How) -> Entry:
        return super().put(key, data, replace(how, overwrite=True))


class Mixes(SqliteDriver):
    """It reads what is there now, whatever content was asked for."""

    def get(self, key: str, span: Span) -> tuple[Entry, Iterator[bytes]]:
        return super().get(key, span._replace(etag=None))


class Unordered(SqliteDriver):
    """It lists from the end."""

    def list(self, prefix: str, *, deep: bool, start_after: str) -> Iterator[Entry]:
        return reversed([*super().list(prefix, deep=deep, start_after=start_after)])


BROKEN = {
    Overwrites: "test_a_write_that_must_not_overwrite_leaves_what_is_there",
    Mixes: "test_a_read_pinned_to_an_etag_refuses_another_content",
    Unordered: "test_a_list_is_in_the_order_of_bytes_and_of_one_folder_only",
}


@pytest.mark.long
def test_a_driver_that_breaks_a_promise_fails_the_test_of_that_promise_and_no_other() -> None:
    drivers = ",".join(f"{__name__}:{each.__name__}" for each in BROKEN)
    failed, passed = held(drivers, SUITES[0], "-k", f"({' or '.join(BROKEN.values())}) and not large")
    assert (failed, passed) == ({(driver.__name__, test) for driver, test in BROKEN.items()}, 6)
