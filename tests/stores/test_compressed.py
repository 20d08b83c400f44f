"""What a compressed file gives, and what is said of one that is broken. The tools themselves make the files."""

from __future__ import annotations

import gzip
import io
import shutil
import subprocess
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portl.errors import CsvError
from portl.stores import HEAD_BYTES, MemoryDriver, Store, compression_of, decompressed

TEXT = b"code,name\n" + b"".join(b"%d,\xc3\xa9\n" % number for number in range(40_000))


def zstd(data: bytes, *options: str) -> bytes:
    from backports.zstd import CompressionParameter, compress

    return compress(data, options={CompressionParameter.checksum_flag: True}) if not options else compress(data)


def tool(name: str, *options: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
    """What the tool itself makes of data, where it is installed."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return subprocess.run([name, *options], input=data, capture_output=True, check=False)


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]


def read(data: bytes, kind: Any = None, member: str | None = None) -> bytes:
    return decompressed(io.BytesIO(data), "lake:in", kind or compression_of(data[:HEAD_BYTES]), member).read()


def failure(data: bytes, kind: Any = None, member: str | None = None) -> tuple[str, str]:
    with pytest.raises(CsvError) as caught:
        read(data, kind, member)
    assert (caught.value.place.file, bool(caught.value.hint)) == ("lake:in", True)
    return caught.value.code, caught.value.message


PACKED = {"gzip": gzip.compress(TEXT), "zstd": zstd(TEXT), "zip": zipped({"in.csv": TEXT}), "none": TEXT}


@pytest.mark.parametrize("kind", PACKED)
def test_how_a_file_is_compressed_is_seen_by_its_first_bytes(kind: str) -> None:
    assert (compression_of(PACKED[kind][:HEAD_BYTES]), read(PACKED[kind])) == (kind, TEXT)


@given(st.text(max_size=4), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"]))
def test_no_text_that_is_a_csv_is_taken_for_a_compressed_file(text: str, encoding: str) -> None:
    head = ("code" + text).encode(encoding, "replace")
    assert compression_of(head[:HEAD_BYTES]) == "none"


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_what_the_tool_makes_is_read_also_when_it_was_called_twice(name: str) -> None:
    made = [tool(name, "-c", data=part).stdout for part in (TEXT, b"9,x\n")]
    assert read(b"".join(made)) == TEXT + b"9,x\n"


@pytest.mark.parametrize("rest", [b"\0" * 700_000, b"\0\0junk", b"junk"])
def test_what_stands_behind_gzip_data_is_no_part_of_it_as_the_tool_has_it(rest: bytes) -> None:
    data = PACKED["gzip"] + rest
    told = tool("gzip", "-dc", data=data)
    notices: list[str] = []
    assert (decompressed(io.BytesIO(data), "x", "gzip", notice=notices.append).read(), told.stdout) == (TEXT, TEXT)
    assert (told.returncode, len(notices)) == ((2, 1) if rest.strip(b"\0") else (0, 0))  # 2 is a warning


def test_what_stands_behind_zstd_data_makes_the_file_a_broken_one_as_the_tool_has_it() -> None:
    data = PACKED["zstd"] + b"junk"
    assert tool("zstd", "-dc", data=data).returncode == 1
    assert failure(data) == ("C117", "the zstd data is broken: something that is no frame stands behind the last one")


def test_frames_that_are_to_be_skipped_are_skipped() -> None:
    skipped = b"\x53\x2a\x4d\x18\x05\0\0\0hello"
    assert read(skipped + PACKED["zstd"] + skipped) == TEXT


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.999])
def test_a_file_that_was_cut_off_is_told(kind: str, part: float) -> None:
    data = PACKED[kind]
    assert failure(data[: int(len(data) * part)]) == (
        "C117",
        f"the {kind} data is broken: it ends in the middle: the file is cut off",
    )


def test_a_second_member_that_was_cut_off_is_told() -> None:
    assert failure(PACKED["gzip"] + PACKED["gzip"][:-1])[0] == "C117"


@pytest.mark.parametrize("kind", ["gzip", "zip", "zstd"])
@given(place=st.floats(0.05, 0.95))
def test_a_flipped_bit_anywhere_in_the_data_is_told_and_never_read_past(kind: str, place: float) -> None:
    """A few bits of a zstd frame mean nothing: with one of them flipped the content is what it was, or the flip is told."""
    data = PACKED[kind] if kind != "zip" else zipped({"in.csv": TEXT})
    broken = flipped(data, 60 + int((len(data) - 200) * place))
    with suppress(CsvError):
        assert (kind, read(broken)) == ("zstd", TEXT)
        return
    assert failure(broken)[0] == "C117"


@pytest.mark.parametrize(("kind", "data"), [("gzip", TEXT), ("zstd", PACKED["gzip"]), ("gzip", b"\x1f"), ("zstd", TEXT[:3])])
def test_a_file_that_is_not_what_the_job_says_is_told_the_way_out(kind: str, data: bytes) -> None:
    assert failure(data, kind) == ("C117", f"the file is no {kind}")


@pytest.mark.parametrize(
    ("kind", "told"),
    [("gzip", "the gzip data is broken: the file is empty"), ("zip", "the zip is broken: file is not a zip file")],
)
def test_an_empty_file_is_no_compressed_one(kind: str, told: str) -> None:
    assert failure(b"", kind) == ("C117", told)


def test_a_window_that_would_fill_the_memory_is_refused() -> None:
    from backports.zstd import CompressionParameter, ZstdCompressor

    made = []
    for window in (27, 30):
        compressor = ZstdCompressor(options={CompressionParameter.window_log: window})
        made.append(compressor.compress(TEXT) + compressor.flush())
    assert read(made[0]) == TEXT
    with pytest.raises(CsvError, match="needs a window of more than 128 MiB") as caught:
        read(made[1])
    assert (caught.value.code, caught.value.hint) == ("C117", "compress it again, without --long or with --long=27")


def test_the_only_file_of_a_zip_is_read_and_what_macos_puts_beside_it_is_nobody_s() -> None:
    assert read(zipped({"folder/": b"", "folder/in.csv": TEXT, "__MACOSX/folder/._in.csv": b"x"})) == TEXT


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_way_of_packing_a_zip_is_read(method: int) -> None:
    assert read(zipped({"a.csv": TEXT, "b.csv": b"x"}, method), member="a.csv") == TEXT


@pytest.mark.parametrize(
    ("files", "member", "message"),
    [
        ({"a.csv": b"", "b/c.csv": b""}, None, "the zip holds 2 files: a.csv, b/c.csv"),
        ({"a.csv": b""}, "A.csv", "the zip has no A.csv; it holds a.csv"),
        ({}, None, "the zip holds no file"),
        ({f"{number}.csv": b"" for number in range(22)}, None, None),
    ],
)
def test_a_zip_whose_file_is_not_clear_is_told_with_what_it_holds(files: Any, member: Any, message: Any) -> None:
    many = "the zip holds 22 files: " + ", ".join(f"{number}.csv" for number in range(20)) + " and 2 more"
    assert failure(zipped(files), member=member) == ("C118", message or many)


@pytest.mark.parametrize("size", [4, 22])
def test_a_zip_of_no_file_in_a_store_is_told_as_any_other(size: int) -> None:
    store = Store(MemoryDriver())
    store.write("in", zipped({})[:size])
    with pytest.raises(CsvError, match=r"the zip holds no file|the zip is broken"):
        decompressed(store.open("in"), "lake:in", "zip", None)


def test_a_member_of_what_is_no_zip_is_told() -> None:
    assert failure(PACKED["gzip"], member="in.csv") == ("C118", "member names a file of a zip, and this is none")


def test_a_zip_with_a_password_is_told() -> None:
    data = bytearray(zipped({"in.csv": TEXT}))
    data[6] |= 1  # APPNOTE 4.4.4: bit 0 says that the file is encrypted, here and in the central directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    code, message = failure(bytes(data))
    assert (code, message.split(":")[0]) == ("C118", "in.csv of the zip cannot be read")


def test_a_zip_that_was_cut_off_is_told() -> None:
    assert failure(PACKED["zip"][:-30]) == ("C117", "the zip is broken: file is not a zip file")


BOMBS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd, "zip": lambda data: zipped({"x": data})}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_file_that_grows_a_thousandfold_is_read_in_flat_memory(kind: str) -> None:
    bomb = BOMBS[kind](b"0" * 60_000_000)
    tracemalloc.start()
    try:
        stream = decompressed(io.BytesIO(bomb), "x", compression_of(bomb[:HEAD_BYTES]))
        size = sum(len(part) for part in iter(lambda: stream.read(100_000), b""))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (size, peak < 4_000_000) == (60_000_000, True)
