"""What a chunk asks of S3 for the records that have stayed there."""

from __future__ import annotations

import logging
import re

import pytest

from portl.connections import Connections
from portl.errors import Changed
from portl.runs._csv_files import CsvFiles
from portl.runs._folder import RunFolder
from portl.runs._rows import RowsReader, keep_files
from portl.steps.csv_read import CsvRead, Reading
from portl.stores import MemoryDriver, S3Driver, Store
from stores.backends import s3_spec


def test_a_chunk_makes_one_request_for_its_range_and_a_changed_object_is_never_mixed_in(
    caplog: pytest.LogCaptureFixture,
) -> None:
    spec = s3_spec(prefix="in")
    told = spec.model_dump(exclude_none=True, exclude={"retry"})
    told["secret_access_key"] = "testing"
    folder, store = RunFolder(Store(MemoryDriver()), "r"), Store(S3Driver(spec))
    store.write("a.csv", b"n\n" + b"".join(b"%06d\n" % number for number in range(1000)))
    step = CsvRead(id="read", type="csv.read", path="lake:*.csv", ranges="always")
    with Connections({"lake": told}) as connections, caplog.at_level(logging.INFO, "werkzeug"):
        files = CsvFiles(Reading(step, connections).plan({}), connections)
        rows = keep_files(folder, "/r/rows", 100, files, lambda _: None)
        reader = RowsReader(folder, rows, connections.file)
        caplog.clear()
        assert [row["n"] for row in reader.part(7)] == [f"{number:06}" for number in range(700, 800)]
        lines = [re.sub(r"\x1b\[[0-9;]*m", "", each.getMessage()) for each in caplog.records]
        assert [re.findall(r'"(\w+) \S+ \S+" (\d+)', line) for line in lines] == [
            [("GET", "206")]
        ]  # https://www.rfc-editor.org/rfc/rfc9110#status.206
        assert reader.place(750).line == 752
        store.write("a.csv", b"n\n" + b"".join(b"%06d\n" % (number % 300) for number in range(1000)), overwrite=True)
        assert reader.part(2)[0] == {"n": "000200"}
        with pytest.raises(Changed, match=r"F109 lake:a\.csv was replaced while a run reads it"):
            reader.part(3)
