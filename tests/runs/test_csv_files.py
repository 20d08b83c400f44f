"""What csv.read makes of files: of one or of several, copied into the run or left where they are."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portl.connections import Connections
from portl.errors import Changed, CsvError, NotFound, StepError
from portl.runs._csv_files import RANGES_FROM_BYTES, CsvFiles, checksums
from portl.runs._folder import RunFolder
from portl.runs._intents import ReadRecords
from portl.runs._rows import Rows, RowsReader, keep_files, part_digests
from portl.steps.csv_read import CsvRead, Reading
from portl.stores import Entry, MemoryDriver, Span, Store


class Asked(MemoryDriver):
    """Remembers which bytes were asked for: from where, up to where, whether of a content that was named."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, int | None, bool]] = []

    def get(self, key: str, span: Span) -> tuple[Entry, Iterator[bytes]]:
        self.asked.append((span.start, span.end, span.etag is not None))
        return super().get(key, span)


class Held(Connections):
    """Connections whose only store, ``lake``, is in memory."""

    def __init__(self) -> None:
        super().__init__({"lake": {"type": "local", "root": "nowhere"}})
        self.lake = Store(Asked())

    def get(self, name: str) -> Any:
        assert name == "lake"
        return self.lake

    def put(self, **files: bytes) -> Held:
        for name, content in files.items():
            self.lake.write(name.replace("__", "/") + ".csv", content, overwrite=True)
        return self


@pytest.fixture
def held() -> Held:
    return Held()


def intent(path: Any, **fields: Any) -> ReadRecords:
    """The intent of a step with these fields; ``path`` is its text, or what its expression gives."""
    text = path if isinstance(path, str) else "{{ params.path }}"
    spec = CsvRead.model_validate({"id": "read", "type": "csv.read", "path": text, **fields})
    return Reading(spec, Connections({})).plan({"params": {"path": path}})


class Kept:
    """A csv.read that was done, by a run of its own."""

    def __init__(self, held: Held, path: Any, size: int = 2, most: int = 10_000, **fields: Any) -> None:
        self.folder = RunFolder(Store(MemoryDriver()), "r")
        self.files = CsvFiles(intent(path, **fields), held)
        self.rows = keep_files(self.folder, "/r/rows", size, self.files, lambda _: None, most)
        self._held = held

    def reader(self) -> RowsReader:
        return RowsReader(self.folder, self.rows, self._held.file)

    def said(self) -> tuple[Any, ...]:
        """All that a step behind it can see."""
        reader, rows = self.reader(), self.rows
        places = [(place.file, place.line) for place in map(reader.place, range(rows.count))]
        return self.files.columns, rows.count, rows.size, rows.chunks, list(reader), places, self.files.checksums

    def digests(self) -> list[str]:
        return [*part_digests(self.folder, self.rows, range(self.rows.chunks)), self.folder.read("/r/rows/digest.json")]


def outcome(do: Callable[[], Kept]) -> tuple[Any, ...]:
    try:
        return do().said()
    except StepError as problem:
        return problem.code, problem.message, problem.hint, problem.place


FIELD = st.sampled_from(["", "x", '"', "\n", "\r\n", ",", ";", "a\n\nb", "é", "表", "\ufeff", "\ufffe", "1"]) | st.text(
    "xé1\n", max_size=5
)
CODECS = ["utf-8", "utf-8-sig", "cp1252", "shift_jis", "gb18030", "utf-16"]


@st.composite
def good(draw: st.DrawFn) -> str:
    width = draw(st.integers(1, 3))
    records = draw(st.lists(st.lists(FIELD, min_size=width, max_size=width), max_size=14))
    text = io.StringIO(newline="")
    end, quoting = draw(st.sampled_from(["\n", "\r\n"])), draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    csv.writer(text, lineterminator=end, quoting=quoting).writerows([["a", "b", "c"][:width], *records])
    return text.getvalue() + draw(st.sampled_from(["", "\n", "\r\n\n"]))


ANY = good() | st.text('a,"\n\r1é;', max_size=40).map(lambda text: f"a,b\n{text}")


@settings(max_examples=300)
@given(st.lists(ANY, min_size=1, max_size=3), st.sampled_from(CODECS), st.integers(1, 4), st.booleans(), st.data())
def test_a_list_says_the_same_whether_its_records_are_copied_or_stay_in_their_files(
    texts: list[str], codec: str, size: int, header: bool, data: st.DataObject
) -> None:
    held = Held()
    for number, text in enumerate(texts):
        held.put(**{f"in{number}": text.encode(codec, "replace")})
    path = "lake:in*.csv" if len(texts) > 1 else "lake:in0.csv"
    fields: dict[str, Any] = {"dialect": {"header": header}, "most": data.draw(st.sampled_from([2, 4, 10_000]))}
    fields |= {"encoding": None if codec in ("utf-8", "utf-8-sig") else codec, "columns": None if header else ["a", "b"]}
    fields |= {
        "types": data.draw(st.sampled_from([{}, {"a": "int"}])),
        "file_column": data.draw(st.sampled_from([None, "from"])),
    }
    stays, copied = (
        outcome(lambda ranges=ranges: Kept(held, path, size, ranges=ranges, **fields)) for ranges in ("always", "never")
    )
    assert stays == copied


def test_records_that_stay_are_read_one_range_for_each_part_and_nothing_else(held: Held) -> None:
    held.put(a=b'a,b\n1,"x\ny"\n2,y\n3,z\n')
    kept = Kept(held, "lake:a.csv", ranges="always")
    asked = held.lake.driver.asked
    asked.clear()
    reader = kept.reader()
    assert (reader.part(1), reader.place(2).line, reader.part(0)) == (
        [{"a": "3", "b": "z"}],
        5,
        [{"a": "1", "b": "x\ny"}, {"a": "2", "b": "y"}],
    )
    assert asked == [(16, 20, True), (4, 16, True)]


@pytest.mark.parametrize("ranges", ["always", "never"])
@pytest.mark.parametrize("count", range(1, 18))
def test_no_record_is_lost_where_parts_become_larger(held: Held, ranges: str, count: int) -> None:
    held.put(a=b"n\n" + b"".join(b"%d\n" % number for number in range(count)))
    kept = Kept(held, "lake:a.csv", 1, most=4, ranges=ranges)
    parts = [[row["n"] for row in kept.reader().part(part)] for part in range(kept.rows.chunks)]
    size = kept.rows.size
    assert (len(parts) <= 4, [len(part) == size for part in parts[:-1]]) == (True, [True] * (len(parts) - 1))
    assert [number for part in parts for number in part] == [str(number) for number in range(count)]


def test_a_part_that_ends_in_the_next_file_has_a_range_of_each(held: Held) -> None:
    held.put(a=b"n\n1\n2\n3\n", b=b"n\n4\n", c=b"n\n", d=b"n\n5\n6\n")
    kept = Kept(held, "lake:*.csv", 4, ranges="always")
    reader = kept.reader()
    assert [[row["n"] for row in reader.part(part)] for part in range(2)] == [["1", "2", "3", "4"], ["5", "6"]]
    assert [(reader.place(at).file, reader.place(at).line) for at in (2, 3, 5)] == [
        ("lake:a.csv", 4),
        ("lake:b.csv", 2),
        ("lake:d.csv", 3),
    ]
    assert (kept.rows.ranges, kept.rows.file, kept.rows.to_json()["ranges"]) == (True, "", True)


def test_a_file_that_was_replaced_by_other_bytes_is_told_and_one_with_the_same_is_read(held: Held) -> None:
    held.put(a=b"n\n1\n2\n3\n")
    kept = Kept(held, "lake:a.csv", 1, ranges="always")
    held.put(a=b"n\n1\n9\n3\n")
    assert [kept.reader().part(0), kept.reader().part(2)] == [[{"n": "1"}], [{"n": "3"}]]
    with pytest.raises(Changed, match=r"F109 lake:a\.csv was replaced while a run reads it: its bytes 4 to 6") as caught:
        kept.reader().part(1)
    assert "resume" in caught.value.hint
    held.put(a=b"n\n")
    with pytest.raises(Changed):
        kept.reader().part(0)


def test_a_file_that_is_gone_is_told_with_the_way_out(held: Held) -> None:
    kept = Kept(held.put(a=b"n\n1\n"), "lake:a.csv", ranges="always")
    held.lake.delete("a.csv")
    with pytest.raises(NotFound, match=r"F101 lake:a\.csv is gone, and the run has left its records there"):
        kept.reader().part(0)


def test_what_a_part_hashes_to_is_its_bytes_and_how_they_are_read(held: Held) -> None:
    held.put(a=b"n\n1\n2\n3\n", b=b"n\n1\n2\n3\n", c=b"n\n1\n2\n4\n")
    one, same, other = (Kept(held, f"lake:{name}.csv", ranges="always").digests() for name in "abc")
    assert (one == same, one[0] == other[0], one[1] != other[1], one[2] != other[2]) == (True, True, True, True)
    typed = Kept(held, "lake:a.csv", ranges="always", types={"n": "int"}).digests()
    named = Kept(held, "lake:a.csv", ranges="always", file_column="f").digests()
    assert len({one[0], typed[0], named[0]}) == 3


def test_small_files_are_copied_and_large_ones_stay_unless_the_job_says_otherwise(held: Held) -> None:
    line = b"x" * 1_000_000 + b"\n"
    held.put(small=b"n\n1\n", half=b"n\n" + line * 34, most=b"n\n" + line * 34)
    assert 2 * 34_000_000 > RANGES_FROM_BYTES > 34_000_000
    cases = {"lake:small.csv": False, "lake:half.csv": False, "lake:{half,most}.csv": True}
    assert {path: Kept(held, path).rows.ranges for path in cases} == cases
    assert Kept(held, "lake:{half,most}.csv", ranges="never").rows.ranges is False


@pytest.mark.parametrize(
    ("content", "fields", "reason"),
    [
        (gzip.compress(b"n\n1\n"), {}, "lake:a.csv is compressed"),
        (gzip.compress(b"n\n1\n"), {"compression": "gzip"}, "lake:a.csv is compressed"),
        ("n\n1\n".encode("utf-16"), {"encoding": "utf-16"}, "utf-16 cannot be cut at a byte"),
        ("n\n1\n".encode("cp500"), {"encoding": "cp500"}, "cp500 cannot be cut at a byte"),
    ],
    ids=["compressed", "said to be", "utf-16", "cp500"],
)
def test_what_cannot_be_cut_by_bytes_is_copied_and_the_log_says_why(
    held: Held, content: bytes, fields: Any, reason: str
) -> None:
    kept = Kept(held.put(a=content), "lake:a.csv", ranges="always", **fields)
    assert (kept.rows.ranges, list(kept.reader())) == (False, [{"n": "1"}])
    assert kept.files.notices == [f"ranges: always, and the records are copied into the run: {reason}"]


# several files


THREE = {"in__b": b"n,m\n3,x\n", "in__a": b"n,m\n1,x\n2,y\n", "other": b"n\n"}


@pytest.mark.parametrize(
    "path",
    [
        "lake:in/*.csv",
        ["lake:in/a.csv", "lake:in/b.csv"],
        [{"address": "lake:in/a.csv", "path": "in/a.csv"}, {"path": "lake:in/b.csv"}],
    ],
    ids=["a pattern", "addresses", "records"],
)
def test_several_files_are_one_list_in_their_order_each_record_with_its_own_place(held: Held, path: Any) -> None:
    reader = Kept(held.put(**THREE), path, file_column="file").reader()
    a, b = "lake:in/a.csv", "lake:in/b.csv"
    records = [{"n": "1", "m": "x", "file": a}, {"n": "2", "m": "y", "file": a}, {"n": "3", "m": "x", "file": b}]
    assert list(reader) == records
    assert [(reader.place(at).file, reader.place(at).line) for at in range(3)] == [(a, 2), (a, 3), (b, 2)]


def test_files_of_this_machine_are_named_as_the_pattern_names_them(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.csv", "b.csv", "c.txt"):
        (tmp_path / "in" / name).write_bytes(f"n\n{name}\n".encode())
    monkeypatch.chdir(tmp_path)
    for path, before in {"in/*.csv": "in/", f"{tmp_path}/in/[ab].csv": f"{tmp_path}/in/", "./*/?.csv": "./in/"}.items():
        files = CsvFiles(intent(path), Connections({}))
        found = [taken.record["n"] for taken in files.records()]
        assert (found, files.addresses) == (["a.csv", "b.csv"], [f"{before}a.csv", f"{before}b.csv"])


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(held: Held) -> None:
    held.lake.write("a[1].csv", b"n\n1\n")
    assert Kept(held.put(a1=b"n\n2\n"), "lake:a[1].csv").said()[4] == [{"n": "1"}]


@pytest.mark.parametrize(
    ("header", "difference"),
    [
        (b"n\n", "it lacks m"),
        (b"n,m,x\n", "it has x besides"),
        (b"n,k\n", "it lacks m; it has k besides"),
        (b"m,n\n", "they stand in another order, m, n"),
    ],
)
def test_a_file_of_other_columns_is_told_with_the_difference(held: Held, header: bytes, difference: str) -> None:
    with pytest.raises(CsvError) as caught:
        Kept(held.put(a=b"n,m\n1,x\n", b=header), "lake:*.csv")
    found = caught.value
    assert (found.code, found.place.file, found.place.line) == ("C116", "lake:b.csv", 1)
    assert found.message == f"the columns are not those of lake:a.csv: {difference}"


def test_a_column_that_the_file_has_already_is_no_name_for_its_address(held: Held) -> None:
    with pytest.raises(CsvError, match="C105 file_column names n, and the file has that column"):
        Kept(held.put(a=b"n\n1\n"), "lake:a.csv", file_column="n")


@pytest.mark.parametrize(
    ("path", "named"),
    [("lake:no/*.csv", "lake:no/*.csv"), ([], "the list that path gives"), ("no/such/*.csv", "no/such/*.csv")],
)
def test_no_file_is_an_error_unless_the_job_allows_it(held: Held, path: Any, named: str) -> None:
    with pytest.raises(NotFound) as caught:
        Kept(held, path)
    assert (caught.value.message, "allow_empty: true" in caught.value.hint) == (f"there is no file: {named} names none", True)
    kept = Kept(held, path, allow_empty=True, columns=["a"], file_column="file")
    assert kept.said() == (("a", "file"), 0, 2, 0, [], [], [])


def test_one_file_that_is_not_there_is_an_error_unless_the_job_allows_it(held: Held) -> None:
    with pytest.raises(NotFound, match=r"F101 lake:no\.csv is not there"):
        Kept(held, "lake:no.csv")
    assert Kept(held, "lake:no.csv", allow_empty=True).rows.count == 0


def test_a_file_that_a_list_names_and_that_is_gone_is_an_error_always(held: Held) -> None:
    with pytest.raises(NotFound, match=r"F101 lake:gone\.csv is not there"):
        Kept(held.put(a=b"n\n"), ["lake:a.csv", "lake:gone.csv"], allow_empty=True)


def test_a_list_of_what_names_no_file_is_told(held: Held) -> None:
    with pytest.raises(StepError, match=r'R107 path gives a list, and \{"size":3\} in it names no file'):
        Kept(held, [{"size": 3}])


@pytest.mark.parametrize("ranges", ["always", "never"])
def test_every_file_is_read_as_it_was_when_the_read_began(held: Held, ranges: str) -> None:
    files = CsvFiles(intent("lake:*.csv", ranges=ranges), held.put(a=b"n\n1\n", b=b"n\n2\n"))
    records = files.records()
    assert next(records).record == {"n": "1"}
    held.put(b=b"n\n9\n")
    with pytest.raises(Changed, match=r"F109 lake:b\.csv has changed"):
        list(records)


def test_compressed_files_and_plain_ones_are_one_list_and_hashed_as_they_are(held: Held) -> None:
    held.put(a=b"n\n1\n", b=gzip.compress(b"n\n2\n") + b"\0\0", c=gzip.compress(b"n\n3\n") + b"junk")
    kept = Kept(held, "lake:*.csv")
    assert [row["n"] for row in kept.reader()] == ["1", "2", "3"]
    assert kept.files.notices == ["lake:c.csv: what stands behind the gzip data is no gzip, and is not read"]
    assert kept.files.checksums == checksums(intent("lake:*.csv"), held)


def test_a_broken_record_of_a_compressed_file_has_its_line(held: Held) -> None:
    with pytest.raises(CsvError) as caught:
        Kept(held.put(a=gzip.compress(b"n\n1\n2,3\n")), "lake:a.csv")
    assert (caught.value.code, caught.value.place.file, caught.value.place.line) == ("C103", "lake:a.csv", 3)


def test_a_reference_to_records_that_stay_is_as_short_as_any() -> None:
    assert Rows("/r/results/read.rows", 1_000_000, 500, 2_000, "lake:in.csv", ranges=True).to_json() == {
        "ref": "/r/results/read.rows",
        "count": 1_000_000,
        "size": 500,
        "chunks": 2_000,
        "file": "lake:in.csv",
        "ranges": True,
    }
