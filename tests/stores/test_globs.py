"""What a pattern means, and what is told where it means nothing."""

from __future__ import annotations

import pytest

from portl.errors import InvalidPath
from portl.stores import MemoryDriver, Store


def fitting(pattern: str, *paths: str) -> list[str]:
    store = Store(MemoryDriver())
    for path in paths:
        store.write(path, b"")
    return [entry.path for entry in store.glob(pattern)]


@pytest.mark.parametrize("mark", ["&&", "||", "~~", "^", "[", "]"])
def test_no_mark_of_a_regular_expression_means_anything_in_a_set(mark: str) -> None:
    pattern = f"[{mark}a].csv" if mark == "]" else f"[a{mark}].csv"
    wanted = sorted({"a.csv", f"{mark[0]}.csv"})
    assert fitting(pattern, *wanted, "b.csv") == wanted


def test_brackets_with_nothing_in_them_are_brackets() -> None:
    assert fitting("a[]*", "a[]b", "ab") == ["a[]b"]


def test_a_range_that_goes_backwards_is_no_pattern() -> None:
    with pytest.raises(InvalidPath, match=r"^F102 \[z-a\] is no set of characters: z comes behind a$"):
        fitting("[z-a].csv", "b.csv")


def test_braces_inside_braces_are_refused_and_not_read_as_something_else() -> None:
    with pytest.raises(InvalidPath, match=r"^F102 .* has braces inside braces$"):
        fitting("{a,{b,c}}.csv", "b.csv")
