"""A list by reference is never in memory as a whole."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from file_write.support import write
from portl.runs import RowsReader, RowsWriter, RunFolder
from portl.stores import LocalDriver, Store

FORMS = [{"format": "csv", "compression": "zstd"}, {"format": "jsonl", "compression": "gzip"}, {"format": "xlsx"}]


def rows(folder: Path, count: int) -> RowsReader:
    run = RunFolder(Store(LocalDriver(folder, durable=False)), "r1")
    writer = RowsWriter(run, run.ref("results/read.rows"), 100)
    for number in range(count):
        writer.add({"code": f"code {number}", "text": "x" * 200})
    return RowsReader(run, writer.close())


def peak(store: Store, source: RowsReader, **fields: Any) -> int:
    tracemalloc.start()
    try:
        write(store, source, **fields)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("fields", FORMS, ids=lambda each: each["format"])
def test_ten_times_the_records_take_no_more_memory(fields: dict[str, Any], tmp_path: Path) -> None:
    store = Store(LocalDriver(tmp_path / "out", durable=False))
    few, many = rows(tmp_path / "few", 1_000), rows(tmp_path / "many", 10_000)
    write(store, few, path="out:warm", **fields)
    assert peak(store, many, path="out:many", **fields) < 2 * peak(store, few, path="out:few", **fields)
