"""What is said of a file that is broken: the code, the line, the words; and nothing of it is read past that."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portl.errors import CsvError
from portl.stores import CsvDialect, read_csv


def failure(data, **options):
    stream = data if isinstance(data, io.IOBase) else io.BytesIO(data)
    with pytest.raises(CsvError) as caught:
        list(read_csv(stream, name="in.csv", **options))
    found = caught.value
    assert found.place.file == "in.csv"
    assert found.hint
    return found.code, found.place.line, found.message


NO_HEADER = CsvDialect(header=False)
UTF16_LATE = "a,b\n1,2\n".encode("utf-16-le") + b"\x31\x00,\x00\x00\xdc\n\x00" + "3,4\n".encode("utf-16-le")

BROKEN = {
    "empty file": (b"", {}, ("C101", 1, "the file is empty: it has no header")),
    "empty file of two bytes a letter": (b"", {"encoding": "utf-16"}, ("C101", 1, "the file is empty: it has no header")),
    "a byte order mark only": (b"\xef\xbb\xbf", {}, ("C101", 1, "the file is empty: it has no header")),
    "blank first line": (b"\na,b\n1,2\n", {}, ("C101", 1, "the file begins with a blank line: it has no header")),
    "unclosed quote": (b'a,b\n1,2\n3,"4\n5,6\n', {}, ("C102", 3, "a quote opened on this line is never closed")),
    "unclosed quote at the very end": (b'a,b\n1,"', {}, ("C102", 2, "a quote opened on this line is never closed")),
    "unclosed quote in the header": (b'"a,b\n1,2\n', {}, ("C102", 1, "a quote opened on this line is never closed")),
    "unclosed quote behind a field of two lines": (
        b'a,b,c\n"1\n1",x,"2\n3,4,5\n',
        {},
        ("C102", 3, "a quote opened on this line is never closed"),
    ),
    "unclosed quote behind doubled quotes and an empty field": (
        b'a;b;c\r\n"""1\r\n;""";;"2""\r\n3;4;5\r\n',
        {},
        ("C102", 3, "a quote opened on this line is never closed"),
    ),
    "unclosed quote of another kind": (
        b"a^b]c\n'1\n^1'^\"^'2\n3^4\n",
        {"dialect": CsvDialect(delimiter="^", quote="'")},
        ("C102", 3, "a quote opened on this line is never closed"),
    ),
    "unclosed quote in UTF-16": (
        'a,b\n"1\n1","2\n3,4\n'.encode("utf-16"),
        {"encoding": "utf-16"},
        ("C102", 3, "a quote opened on this line is never closed"),
    ),
    "a field too few": (b"a,b,c\n1,2,3\n4\n", {}, ("C103", 3, "the record has 1 field and the header 3; nothing for b, c")),
    "a field too many": (b"a,b\n1,2,3\n", {}, ("C103", 2, "the record has 3 fields and the header 2")),
    "too few after a field of two lines": (
        b'a,b\n"1\n1",2\n3\n',
        {},
        ("C103", 4, "the record has 1 field and the header 2; nothing for b"),
    ),
    "cut off inside a record": (
        b"a,b,c\n1,2,3\n4,5",
        {},
        ("C103", 3, "the record has 2 fields and the header 3; nothing for c"),
    ),
    "spaces only": (b"a,b\n \n", {}, ("C103", 2, "the record has 1 field and the header 2; nothing for b")),
    "other width than the job's columns": (
        b"1,2,3\n",
        {"dialect": NO_HEADER, "columns": ["x", "y"]},
        ("C103", 1, "the record has 3 fields and the job's columns 2"),
    ),
    "empty name": (b"a,,c\n1,2,3\n", {}, ("C104", 1, "column 2 of the header has no name")),
    "name of spaces": (b"a, \n1,2\n", {}, ("C104", 1, "column 2 of the header has no name")),
    "duplicate name": (b"a,b,a\n1,2,3\n", {}, ("C105", 1, 'the column "a" stands twice in the header')),
    "empty name in the job": (
        b"1,2\n",
        {"dialect": NO_HEADER, "columns": ["x", ""]},
        ("C104", 1, "column 2 of the job's columns has no name"),
    ),
    "duplicate name in the job": (
        b"1,2\n",
        {"dialect": NO_HEADER, "columns": ["x", "x"]},
        ("C105", 1, 'the column "x" stands twice in the job\'s columns'),
    ),
    "blank line inside": (b"a,b\n1,2\n\n3,4\n", {}, ("C106", 3, "a blank line stands between records")),
    "blank lines inside": (b"a,b\r\n1,2\r\n\r\n\r\n3,4\r\n", {}, ("C106", 3, "a blank line stands between records")),
    "blank line in a file of one column": (b"a\n1\n\n2\n", {}, ("C106", 3, "a blank line stands between records")),
    "blank line behind the header": (b"a,b\n\n1,2\n", {}, ("C106", 2, "a blank line stands between records")),
    "wanted column lacking": (b"a,b\n1,2\n", {"columns": ["a", "z"]}, ("C107", 1, "the header lacks z; it has a, b")),
    "other delimiter than told": (
        b"a;b\n1;2\n",
        {"columns": ["a", "b"], "dialect": CsvDialect(delimiter=",")},
        ("C107", 1, "the header lacks a, b; it has a;b"),
    ),
    "no header and no columns": (
        b"1,2\n",
        {"dialect": NO_HEADER},
        ("C107", 1, "a file without a header needs columns in the job"),
    ),
    "ambiguous delimiter": (b"a,b;c\n1,2\n", {}, ("C108", 1, "the delimiter may be comma or semicolon")),
    "delimiter ambiguous three ways": (b"a\tb|c;d\n", {}, ("C108", 1, "the delimiter may be semicolon or tab or bar")),
    "text after a quote": (b'a,b\n"1"x,2\n', {}, ("C109", 2, "text stands behind a closing quote")),
    "text after a quote two lines on": (b'a,b\n"1\n1"x,2\n', {}, ("C109", 3, "text stands behind a closing quote")),
    "lone carriage return": (b"a,b\n1\r2,3\n", {}, ("C110", 2, "a carriage return stands alone in a field")),
    "line ends of the old Mac": (b"a,b\r1,2\r", {}, ("C110", 1, "a carriage return stands alone in a field")),
    "record too long": (
        b"a,b\n" + b"1" * 60 + b",2\n",
        {"max_record_bytes": 50},
        ("C111", 2, "a record is longer than 50 bytes"),
    ),
    "record of many lines too long": (
        b'a,b\n3,4\n5,"' + b"1\n" * 60,
        {"max_record_bytes": 50},
        ("C111", 3, "a record is longer than 50 bytes"),
    ),
    "header too long": (b"a" * 60 + b",b\n", {"max_record_bytes": 50}, ("C111", 1, "a record is longer than 50 bytes")),
    "header cut inside a letter": (
        "é".encode() * 60,
        {"max_record_bytes": 50},
        ("C111", 1, "a record is longer than 50 bytes"),
    ),
    "record too long in UTF-16": (
        ("a,b\n" + "1" * 60 + ",2\n").encode("utf-16"),
        {"max_record_bytes": 50, "encoding": "utf-16"},
        ("C111", 2, "a record is longer than 50 bytes"),
    ),
    "NUL": (b"a,b\n1,2\n3,\x00\n", {}, ("C112", 3, "a NUL byte stands in the file")),
    "NUL in quotes": (b'a,b\n"1\n\x00",2\n', {}, ("C112", 3, "a NUL byte stands in the file")),
    "UTF-16 without mark": ("a,b\n1,2\n".encode("utf-16-le"), {}, ("C112", 1, "a NUL byte stands in the file")),
    "UTF-16 without being told": ("a,b\n1,2\n".encode("utf-16"), {}, ("C113", 1, "the file begins as UTF-16")),
    "UTF-32 without being told": ("a,b\n1,2\n".encode("utf-32"), {}, ("C113", 1, "the file begins as UTF-32")),
    "UTF-16 of the other byte order": (
        "\ufeffa,b\n1,2\n".encode("utf-16-le"),
        {"encoding": "utf-16-be"},
        ("C113", 1, "the line is no UTF-16-BE: its byte order mark is of the other order"),
    ),
    "UTF-16 told and not so": (
        b"a,b\n1,2\n",
        {"encoding": "utf-16"},
        ("C113", 1, "the line is no UTF-16: it does not start with a byte order mark"),
    ),
    "another encoding": ("a,b\n1,2\nx,é\n".encode("cp1252"), {}, ("C113", 3, "the line is no UTF-8: byte 3 is 0xe9")),
    "another encoding in the header": ("é,b\n".encode("cp1252"), {}, ("C113", 1, "the line is no UTF-8: byte 1 is 0xe9")),
    "a byte the encoding lacks": (
        b"a,b\n1,\x81\n",
        {"encoding": "cp1252"},
        ("C113", 2, "the line is no CP1252: byte 3 is 0x81"),
    ),
    "half a letter of UTF-16": (
        UTF16_LATE,
        {"encoding": "utf-16-le"},
        ("C113", 3, "the line is no UTF-16-LE: illegal encoding"),
    ),
    "UTF-16 cut inside a letter": (
        "a,b\n1,2\n3,4".encode("utf-16")[:-1],
        {"encoding": "utf-16"},
        ("C113", 3, "the line is no UTF-16: truncated data"),
    ),
    "encoding unknown": (b"a,b\n", {"encoding": "utf-9"}, ("C113", 1, "there is no encoding 'utf-9'")),
    "encoding of no text": (b"a,b\n", {"encoding": "base64"}, ("C113", 1, "there is no encoding 'base64'")),
    "delimiter of two letters": (b"a,b\n", {"dialect": CsvDialect(delimiter="::")}, ("C114", 1, "'::' cannot be a delimiter")),
    "delimiter of nothing": (b"a,b\n", {"dialect": CsvDialect(delimiter="")}, ("C114", 1, "'' cannot be a delimiter")),
    "delimiter that ends a line": (
        b"a,b\n",
        {"dialect": CsvDialect(delimiter="\n")},
        ("C114", 1, "'\\n' cannot be a delimiter"),
    ),
    "quote of nothing": (b"a,b\n", {"dialect": CsvDialect(quote="")}, ("C114", 1, "'' cannot be a quote")),
    "quote of a NUL": (b"a,b\n", {"dialect": CsvDialect(quote="\0")}, ("C114", 1, "'\\x00' cannot be a quote")),
    "quote and delimiter the same": (
        b"a;b\n",
        {"dialect": CsvDialect(delimiter=";", quote=";")},
        ("C114", 1, "';' is both the delimiter and the quote"),
    ),
    "encoding of no name": (b"a,b\n", {"encoding": "a\0b"}, ("C113", 1, "there is no encoding 'a\\x00b'")),
}


@pytest.mark.parametrize(("data", "options", "expected"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_refused_with_its_line(data, options, expected):
    assert failure(data, **options) == expected


def test_the_line_of_a_bad_byte_is_right_far_into_a_file_of_two_bytes_a_letter():
    head, bad = ("a,b\n" + "1,2\n" * 5_000).encode("utf-16"), b"\x00\xdc"
    data = head + bad + "\n3,4\n".encode("utf-16-le") * 5_000
    assert failure(data, encoding="utf-16") == ("C113", 5_002, "the line is no UTF-16: illegal encoding")


def test_the_records_before_a_broken_one_are_given():
    reader = iter(read_csv(io.BytesIO(b"a,b\n1,2\n3\n"), name="in.csv"))
    assert next(reader) == (2, ("1", "2"))
    with pytest.raises(CsvError, match=r"C103"):
        next(reader)


@pytest.mark.parametrize(
    ("data", "column"), [(b"a,b,a\n", "a"), (b"b,c\n", "z")], ids=["the one that stands twice", "the one that lacks"]
)
def test_a_header_that_is_wrong_names_the_column(data, column):
    with pytest.raises(CsvError) as caught:
        read_csv(io.BytesIO(data), name="in.csv", columns=["z"] if column == "z" else None)
    assert caught.value.place.column == column


def test_a_broken_header_is_told_when_the_file_is_opened():
    with pytest.raises(CsvError, match=r"C105"):
        read_csv(io.BytesIO(b"a,a\n"), name="in.csv")


class Counted(io.BytesIO):
    """Bytes that tell how far they were read."""

    def furthest(self):
        return self.tell()


@pytest.mark.parametrize("start", [b"a,b\n1,", b'a,b\n1,"', b""], ids=["in a record", "in a quoted field", "in the header"])
@pytest.mark.parametrize("encoding", [None, "utf-16-le"])
def test_a_record_without_an_end_is_refused_before_the_rest_of_the_file_is_read(start, encoding):
    stream = Counted((start.decode() + "x" * 1_000_000).encode(encoding or "utf-8"))
    code, line, _ = failure(stream, encoding=encoding, max_record_bytes=1_000)
    assert (code, line) == ("C111", 2 if start else 1)
    assert stream.furthest() < 20_000


FIELDS = st.lists(st.text('a\n\r",;', max_size=6), min_size=2, max_size=2)


@settings(deadline=None)
@given(st.lists(FIELDS, max_size=4), st.text('a\n"', max_size=4), st.sampled_from(["", "b", '"b"\n', 'b"",""\n']))
def test_the_line_of_an_unclosed_quote_is_where_it_was_opened_whatever_stands_before(records, same_record, rest):
    """The field before the open one is of the same record, so the record may begin lines above the quote."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([["x", "y"], *records, [same_record]])
    before = text.getvalue().removesuffix("\n") + ","
    after = rest.replace('"', '""') + "\n"
    found = failure((before + '"' + after).encode(), dialect=CsvDialect(delimiter=","))
    assert found == ("C102", before.count("\n") + 1, "a quote opened on this line is never closed")
