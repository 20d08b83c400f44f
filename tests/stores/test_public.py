"""The face of the package, and what it costs to load (T3): counted in modules, for time is another on every machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

import portl.stores

FAR = "obstore boto3 botocore paramiko cryptography httpx pydantic pydantic_settings pydantic_core"
"""What stands behind a kind of store, or checks its connection."""
HERE = "hashlib threading queue urllib http ssl xml pathlib csv zlib random"
"""What of the standard library takes its time, and is needed for some calls only."""
LOADED = f"import sys\n%s\nprint(*sorted({{*{(FAR + ' ' + HERE).split()!r}}} & {{*sys.modules}}))"


def loaded(code: str) -> list[str]:
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n" + LOADED % code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_the_package_exports_what_it_says() -> None:
    assert sorted(portl.stores.__all__, key=lambda name: (not name.isupper(), name)) == portl.stores.__all__
    assert [name for name in portl.stores.__all__ if not hasattr(portl.stores, name)] == []
    with pytest.raises(AttributeError, match="has no attribute 'absent'"):
        _ = portl.stores.absent


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import portl.stores", []),
        ("import portl.stores; portl.stores.open_store('s3://lake/in')", []),
        ("import portl.stores; portl.stores.open_store('s3://lake').driver._store", ["obstore"]),
    ],
)
def test_what_only_reads_a_bucket_by_its_address_loads_what_speaks_to_it_and_nothing_else(
    code: str, expected: list[str]
) -> None:
    """Neither checks of connections, nor hashes, nor threads: the cold start of docs/performance.md stands on it."""
    assert loaded(code) == expected


@pytest.mark.parametrize(
    "code",
    [
        "import portl.stores; list(portl.stores.open_store('/').list())",
        "import portl.stores; portl.stores.S3Driver, portl.stores.SftpDriver, portl.stores.AzureDriver, portl.stores.read_csv",
    ],
)
def test_no_library_is_loaded_before_the_store_that_needs_it_is_asked(code: str) -> None:
    assert {*loaded(code)} & {*FAR.split()} == set()


def test_a_connection_loads_what_checks_it_and_no_library_of_its_store() -> None:
    found = loaded("import portl.stores; portl.stores.open_store({'type': 's3', 'bucket': 'lake'})")
    assert {*found} & {"obstore", "boto3", "botocore", "paramiko", "cryptography", "httpx", "pydantic_settings"} == set()
    assert "pydantic" in found
