"""Any row of calls leaves a store as it leaves a dictionary, and fails where that would; the two ways to S3 agree."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portl.errors import StoreError
from portl.stores import ExactKey, S3Driver, Store
from stores.backends import BACKENDS, TESTED, s3_spec

NAMES = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "ü 1", "a.b"])
CONTENTS = st.binary(max_size=40)
CALLS = st.one_of(
    st.tuples(st.just("write"), NAMES, CONTENTS, st.booleans()),
    st.tuples(st.just("delete"), NAMES),
    st.tuples(st.just("copy"), NAMES, NAMES, st.booleans()),
    st.tuples(st.just("move"), NAMES, NAMES, st.booleans()),
    st.tuples(st.just("read"), NAMES),
    st.tuples(st.just("range"), NAMES, st.integers(0, 50), st.integers(1, 50)),
    st.tuples(st.just("list")),
)


class Dictionary:
    """What the calls come to, by the promises."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def write(self, name: str, content: bytes, overwrite: bool) -> Any:
        if name in self.files and not overwrite:
            return "F106"
        self.files[name] = content
        return len(content)

    def delete(self, name: str) -> Any:
        return "F101" if self.files.pop(name, None) is None else None

    def copy(self, source: str, target: str, overwrite: bool) -> Any:
        if source not in self.files:
            return "F101"
        if target in self.files and not overwrite:
            return "F106"
        self.files[target] = self.files[source]
        return len(self.files[target])

    def move(self, source: str, target: str, overwrite: bool) -> Any:
        if source == target:
            return len(self.files[source]) if source in self.files else "F101"
        found = self.copy(source, target, overwrite)
        if isinstance(found, int):
            del self.files[source]
        return found

    def read(self, name: str) -> Any:
        return self.files.get(name, "F101")

    def range(self, name: str, start: int, length: int) -> Any:
        return self.files[name][start : start + length] if name in self.files else "F101"

    def list(self) -> Any:
        return [(name, len(self.files[name])) for name in sorted(self.files, key=str.encode)]


class Real:
    """The same calls on a store; ``key`` makes a path of a name."""

    def __init__(self, store: Store, key: Callable[[str], str] = str) -> None:
        self.store, self._key = store, key

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            try:
                return getattr(self, f"_{name}")(*given)
            except StoreError as problem:
                return problem.code

        return call

    def _write(self, name: str, content: bytes, overwrite: bool) -> Any:
        return self.store.write(self._key(name), content, overwrite=overwrite).size

    def _delete(self, name: str) -> Any:
        return self.store.delete(self._key(name))

    def _copy(self, source: str, target: str, overwrite: bool) -> Any:
        return self.store.copy(self._key(source), self._key(target), overwrite=overwrite).size

    def _move(self, source: str, target: str, overwrite: bool) -> Any:
        return self.store.move(self._key(source), self._key(target), overwrite=overwrite).size

    def _read(self, name: str) -> Any:
        return self.store.read(self._key(name))

    def _range(self, name: str, start: int, length: int) -> Any:
        return self.store.read_range(self._key(name), start, length)

    def _list(self) -> Any:
        return [(each.path, each.size) for each in self.store.list("", recursive=True)]


def answers(on: Any, calls: list[tuple[Any, ...]]) -> list[Any]:
    return [getattr(on, name)(*given) for name, *given in calls]


@pytest.mark.parametrize("backend", TESTED)
def test_any_row_of_calls_comes_to_what_a_dictionary_comes_to(backend: str) -> None:
    with tempfile.TemporaryDirectory() as folder, Store(BACKENDS[backend](Path(folder))) as whole:
        number = 0

        @settings(max_examples=12)
        @given(st.lists(CALLS, max_size=12))
        def same(calls: list[tuple[Any, ...]]) -> None:
            nonlocal number
            number += 1
            made, expected = answers(Real(whole.at(f"r{number}")), calls), answers(Dictionary(), calls)
            for call, ours, wanted in zip(calls, made, expected, strict=True):
                assert (call, ours) == (call, wanted)

        same()


def test_a_copy_onto_itself_loses_nothing() -> None:
    for name in ("local", "memory", "s3", "sftp"):
        with tempfile.TemporaryDirectory() as folder, Store(BACKENDS[name](Path(folder))) as store:
            store.write("a", b"x")
            assert (store.copy("a", "a", overwrite=True).size, store.read("a")) == (1, b"x")


def test_the_two_ways_to_s3_come_to_the_same() -> None:
    """Plain paths go through obstore, exact keys through boto3."""
    with Store(S3Driver(s3_spec())) as one, Store(S3Driver(s3_spec())) as other:
        number = 0

        @settings(max_examples=20)
        @given(st.lists(CALLS, max_size=12))
        def same(calls: list[tuple[Any, ...]]) -> None:
            nonlocal number
            number += 1
            prefix = f"r{number}/"
            by_boto3 = Real(other, lambda name: ExactKey(prefix + name))
            by_obstore = Real(one, lambda name: prefix + name)
            for call in calls:
                assert (call, answers(by_obstore, [call])) == (call, answers(by_boto3, [call]))

        same()
