"""What a file that is right gives."""

import csv
import io
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portl.stores import CsvDialect, read_csv

# A NUL is refused by promise; a mark at the very start is taken for the file's byte order mark.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=8)
AWKWARD = st.sampled_from(
    ["", " ", '"', '""', "\n", "\r", "\r\n", ",", ";", "\t", "|", "a\n\nb", "'", "\\", "\x85", "\u2028", "é", "🗺️"]
)
FIELD = TEXT | AWKWARD
NAME = FIELD.filter(str.strip)


@st.composite
def tables(draw):
    header = draw(st.lists(NAME, min_size=1, max_size=5, unique=True))
    width = len(header)
    return header, draw(st.lists(st.lists(FIELD, min_size=width, max_size=width), max_size=8))


def written(rows, *, delimiter=",", end="\r\n", quoting=csv.QUOTE_MINIMAL):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)
    return text.getvalue()


def expected(header, records):
    """Every record with its line: one for each record before it and for each LF inside those."""
    line, found = 1, []
    for values in [header, *records]:
        found.append((line, tuple(values)))
        line += 1 + sum(value.count("\n") for value in values)
    return found[1:]


def read(data, **options):
    reader = read_csv(io.BytesIO(data), name="in.csv", **options)
    return reader.columns, list(reader)


@settings(deadline=None)  # a busy machine is no failure
@given(tables(), st.sampled_from(",;\t|"), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_any_table_that_is_written_is_read_back_with_its_lines(table, delimiter, quoting):
    header, records = table
    data = written([header, *records], delimiter=delimiter, quoting=quoting).encode()
    assert read(data, dialect=CsvDialect(delimiter=delimiter)) == (tuple(header), expected(header, records))


@settings(deadline=None)
@given(tables(), st.sampled_from(["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]))
def test_any_table_is_read_back_in_any_unicode_encoding_that_is_told(table, encoding):
    header, records = table
    data = written([header, *records], end="\n", quoting=csv.QUOTE_ALL).encode(encoding)
    found = read(data, encoding=encoding, dialect=CsvDialect(delimiter=","))
    assert found == (tuple(header), expected(header, records))


@settings(deadline=None)
@given(tables(), st.sampled_from(",;\t|"))
def test_the_delimiter_is_found_in_a_header_whose_names_are_quoted(table, delimiter):
    header, records = [*table[0], "last name", "very last name"], [[*each, "", ""] for each in table[1]]
    header = list(dict.fromkeys(header))
    records = [each[: len(header)] for each in records]
    data = written([header, *records], delimiter=delimiter, quoting=csv.QUOTE_ALL).encode()
    assert read(data) == (tuple(header), expected(header, records))


@pytest.mark.parametrize(
    ("data", "records"),
    [
        pytest.param(b"a,b\n1,2\n", [(2, ("1", "2"))], id="line ends of Unix"),
        pytest.param(b"a,b\r\n1,2\r\n", [(2, ("1", "2"))], id="line ends of Windows"),
        pytest.param(b"a,b\n1,2\r\n3,4\n", [(2, ("1", "2")), (3, ("3", "4"))], id="both line ends"),
        pytest.param(b"a,b\n1,2", [(2, ("1", "2"))], id="no final line end"),
        pytest.param(b"a,b\r\n1,2\r", [(2, ("1", "2"))], id="file cut in the middle of its last line end"),
        pytest.param(b'a,b\n1,"2"', [(2, ("1", "2"))], id="no final line end after a quote"),
        pytest.param(b"\xef\xbb\xbfa,b\n1,2\n", [(2, ("1", "2"))], id="byte order mark"),
        pytest.param(b'\xef\xbb\xbf"a",b\n1,2\n', [(2, ("1", "2"))], id="byte order mark before a quote"),
        pytest.param(b"a,b\n", [], id="header only"),
        pytest.param(b"a,b", [], id="header only, without a line end"),
        pytest.param(b"a,b\n1,2\n\n\r\n\n", [(2, ("1", "2"))], id="blank lines at the end"),
        pytest.param(b"a,b\n,\n", [(2, ("", ""))], id="empty fields"),
        pytest.param(b'a,b\n"1\r2","3\n\n4"\n5,6\n', [(2, ("1\r2", "3\n\n4")), (5, ("5", "6"))], id="line ends in quotes"),
        pytest.param(b'a,b\n"""1""",5"\n', [(2, ('"1"', '5"'))], id="quotes in fields"),
        pytest.param("a,b\nx\x85y,\u2028\x0b\n".encode(), [(2, ("x\x85y", "\u2028\x0b"))], id="line ends of Unicode only"),
    ],
)
def test_a_file_that_is_right_gives_its_records(data, records):
    assert read(data) == (("a", "b"), records)


@pytest.mark.parametrize("delimiter", list(",;\t|"))
def test_each_of_the_four_delimiters_is_found_without_being_told(delimiter):
    assert read(f"a{delimiter}b\n1{delimiter}2\n".encode()) == (("a", "b"), [(2, ("1", "2"))])


def test_a_header_of_one_column_needs_no_delimiter():
    assert read(b'a\n1\n""\n') == (("a",), [(2, ("1",)), (3, ("",))])


def test_the_delimiter_most_used_outside_quotes_is_taken():
    assert read(b'"a,b,c";d,e;f\n1;2;3\n') == (("a,b,c", "d,e", "f"), [(2, ("1", "2", "3"))])


def test_a_header_whose_quoted_name_holds_a_line_end_is_read():
    assert read(b'"a\nb,c";d;e\n1;2;3\n') == (("a\nb,c", "d", "e"), [(3, ("1", "2", "3"))])


def test_another_quote_may_be_told():
    assert read(b"a,b\n'1,1',2\"\n", dialect=CsvDialect(quote="'")) == (("a", "b"), [(2, ("1,1", '2"'))])


def test_a_file_without_a_header_takes_the_names_of_the_job_and_begins_at_line_one():
    found = read(b"1,2\n3,4\n", dialect=CsvDialect(header=False), columns=["x", "y"])
    assert found == (("x", "y"), [(1, ("1", "2")), (2, ("3", "4"))])


def test_columns_that_are_not_asked_for_are_read_too():
    assert read(b"a,b\n1,2\n", columns=["b"]) == (("a", "b"), [(2, ("1", "2"))])


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "café,€"),
        ("iso-8859-7", "Ελλάδα,x"),
        ("cp1251", "Москва,x"),
        ("shift_jis", "表,ソ"),
        ("gb18030", "年度,报告"),
        ("cp500", "café,x"),
    ],
)
def test_an_encoding_that_is_told_is_used(encoding, text):
    data = f"a,b\n{text}\n".encode(encoding)
    assert read(data, encoding=encoding) == (("a", "b"), [(2, tuple(text.split(",")))])


def test_a_byte_order_mark_is_no_part_of_the_first_name_when_the_byte_order_is_told():
    assert read("a,b\n1,2\n".encode("utf-16"), encoding="utf-16-le") == (("a", "b"), [(2, ("1", "2"))])


def test_a_field_of_200_kilobytes_is_read_whole():
    long = "x\n" * 100_000
    assert read(f'a,b\n"{long}",2\n3,4\n'.encode()) == (("a", "b"), [(2, (long, "2")), (100_003, ("3", "4"))])


def test_a_record_of_exactly_the_longest_size_is_read():
    assert read(b"a,b\n1234,678\n1,2\n", max_record_bytes=9) == (("a", "b"), [(2, ("1234", "678")), (3, ("1", "2"))])


class Endless(io.RawIOBase):
    """A stream that makes its bytes as they are asked for, and counts them."""

    def __init__(self, head, block, times):
        self._block, self._left, self._ready = block, times, head
        self.given = 0

    def readable(self):
        return True

    def readinto(self, buffer):
        if not self._ready and self._left:
            self._ready, self._left = self._block, self._left - 1
        part = self._ready[: len(buffer)]
        self._ready = self._ready[len(part) :]
        buffer[: len(part)] = part
        self.given += len(part)
        return len(part)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_large_file_is_read_in_flat_memory(encoding):
    record = f'"{"é" * 4_000}\n","{"x" * 4_000}"\n'.encode(encoding)
    times = 30_000_000 // len(record)
    stream = Endless("a,b\n".encode(encoding), record, times)
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_csv(stream, name="in.csv", encoding=encoding))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == times
    assert peak < 2_000_000
