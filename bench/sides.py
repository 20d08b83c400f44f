"""What is measured, one side and one task per process: ``python sides.py TASK SIDE JSON`` prints what it took as JSON.

``seconds`` by the clock, ``cpu`` in seconds of this process (all of its threads), ``rss`` the most memory it had, in MiB.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

TOLD = Any
"""Where the servers are, and how much is to be done: see stores.py."""
MIB = 1024 * 1024
Calls = tuple[Callable[[str, bytes], Any], Callable[[str], bytes]]
"""Puts a file, and gets one."""


def _s3_portl(told: TOLD) -> Calls:
    from portl.stores import open_store

    store = open_store(_s3(told))
    return lambda path, data: store.write(path, data, overwrite=True), store.read


def _s3_portl_by_address(_: TOLD) -> Calls:
    from portl.stores import open_store

    store = open_store("s3://bench")
    return lambda path, data: store.write(path, data, overwrite=True), store.read


def _s3_remote_store(told: TOLD) -> Calls:
    import remote_store
    from remote_store.backends._s3 import S3Backend

    backend = S3Backend("bench", endpoint_url=told["s3"], key=told["user"], secret=told["password"], region_name="us-east-1")
    store = remote_store.Store(backend)
    return lambda path, data: store.write(path, data, overwrite=True), store.read_bytes


def _s3_s3fs(told: TOLD) -> Calls:
    import s3fs

    files = s3fs.S3FileSystem(key=told["user"], secret=told["password"], endpoint_url=told["s3"])
    return lambda path, data: files.pipe_file(f"bench/{path}", data), lambda path: files.cat_file(f"bench/{path}")


def _s3_boto3(told: TOLD) -> Calls:
    import boto3

    keys = {"aws_access_key_id": told["user"], "aws_secret_access_key": told["password"], "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=told["s3"], **keys)
    return (
        lambda path, data: client.put_object(Bucket="bench", Key=path, Body=data),
        lambda path: client.get_object(Bucket="bench", Key=path)["Body"].read(),
    )


def _sftp_portl(told: TOLD) -> Callable[[str, bytes], Any]:
    from portl.stores import open_store

    given = {"user": told["user"], "password": told["password"], "host": "127.0.0.1", "root": "/w"}
    store = open_store({"type": "sftp", "port": int(told["port"]), "host_key": told["host_key"], **given})
    return lambda path, data: store.write(path, data, overwrite=True)


def _sftp_remote_store(told: TOLD) -> Callable[[str, bytes], Any]:
    import remote_store
    from remote_store.backends._sftp import SFTPBackend

    keys = f"[127.0.0.1]:{told['port']} {told['host_key']}"
    login = {"username": told["user"], "password": told["password"], "known_host_keys": keys}
    store = remote_store.Store(SFTPBackend("127.0.0.1", port=int(told["port"]), base_path="/w", **login))
    return lambda path, data: store.write(path, data, overwrite=True)


def _paramiko(told: TOLD) -> Any:
    import paramiko

    transport = paramiko.Transport(("127.0.0.1", int(told["port"])))
    transport.connect(username=told["user"], password=told["password"])
    return paramiko.SFTPClient.from_transport(transport)


def _sftp_paramiko(told: TOLD) -> Callable[[str, bytes], Any]:
    client = _paramiko(told)

    def put(path: str, data: bytes) -> None:
        with client.open(f"/w/{path}", "wb") as file:
            file.write(data)

    return put


def _sftp_paramiko_putfo(told: TOLD) -> Callable[[str, bytes], Any]:
    client = _paramiko(told)
    return lambda path, data: client.putfo(io.BytesIO(data), f"/w/{path}")


def _s3(told: TOLD) -> dict[str, Any]:
    keys = {"access_key_id": told["user"], "secret_access_key": told["password"], "region": "us-east-1"}
    return {"type": "s3", "bucket": "bench", "endpoint": told["s3"], **keys}


S3 = {
    "portl": _s3_portl,
    "portl by address": _s3_portl_by_address,
    "remote-store": _s3_remote_store,
    "s3fs": _s3_s3fs,
    "boto3": _s3_boto3,
}
SFTP = {
    "portl": _sftp_portl,
    "remote-store": _sftp_remote_store,
    "paramiko": _sftp_paramiko,
    "paramiko putfo": _sftp_paramiko_putfo,
}


def small(side: str, told: TOLD) -> Callable[[], None]:
    """Puts and gets objects of 1 to 16 KiB, one after the other."""
    put, get = S3[side](told)
    contents = [os.urandom(1024 << (number % 5)) for number in range(told["count"])]
    put("warm", b"x")
    get("warm")

    def task() -> None:
        for number, content in enumerate(contents):
            put(f"{side}/{number}", content)
            assert get(f"{side}/{number}") == content

    return task


def cold(side: str, told: TOLD) -> Callable[[], None]:
    """Imports, opens and reads one object, in a process that has done nothing before; the environment has the keys too."""
    given = {"ACCESS_KEY_ID": told["user"], "SECRET_ACCESS_KEY": told["password"], "REGION": "us-east-1"}
    os.environ.update({f"AWS_{name}": value for name, value in {**given, "ENDPOINT_URL": told["s3"]}.items()})

    def task() -> None:
        _, get = S3[side](told)
        assert get("one") == b"one"

    return task


def function(side: str, told: TOLD) -> Callable[[], None]:
    """The same in a process that has loaded what every function of Portl loads before it touches a file."""
    import portl.runs
    import portl.steps.csv_read

    assert portl.runs.handle
    assert portl.steps.csv_read.STEP
    return cold(side, told)


def sftp(side: str, told: TOLD) -> Callable[[], None]:
    """Writes one file over a connection that is open."""
    put = SFTP[side](told)
    content = os.urandom(told["mib"] * MIB)
    put("warm", b"x")
    return lambda: put("one", content)


def many(side: str, told: TOLD) -> Callable[[], None]:
    """Copies a folder of files into the bucket, eight at a time; ``side`` says how each is verified."""

    def task() -> None:
        from portl.stores import open_store, transfer

        here, there = open_store(told["folder"]), open_store(_s3(told))

        def one(path: str) -> None:
            transfer(here, path, there, f"{told['into']}/{path}", overwrite=True, verify=side)  # type: ignore[arg-type]

        with ThreadPoolExecutor(8) as pool:
            assert len([*pool.map(one, [each.path for each in here.list(recursive=True)])]) == told["count"]

    return task


def large(side: str, told: TOLD) -> Callable[[], None]:
    """Copies one large file through this process: into a bucket, to an SFTP server, or into another folder."""
    from portl.stores import open_store, transfer

    here = open_store(told["folder"])
    login = {"user": told["user"], "password": told["password"], "host": "127.0.0.1", "root": "/w"}
    stores = {
        "to S3": lambda: open_store(_s3(told)),
        "to SFTP": lambda: open_store({"type": "sftp", "port": int(told["port"]), "host_key": told["host_key"], **login}),
        "on disk": lambda: open_store(str(Path(told["folder"]).parent / "other")),
    }
    there = stores[side]()

    def task() -> None:
        transfer(here, "large", there, "large", mode="stream", overwrite=True, verify="size")

    return task


TASKS: dict[str, Callable[[str, TOLD], Callable[[], None]]] = {
    "small": small,
    "cold": cold,
    "function": function,
    "sftp": sftp,
    "many": many,
    "large": large,
}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(task: str, side: str, told: str) -> None:
    """Does it once and says what it took."""
    do = TASKS[task](side, json.loads(told))
    cpu, began = _cpu(), time.perf_counter()
    do()
    seconds, cpu = time.perf_counter() - began, _cpu() - cpu
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text("utf-8").splitlines())
    rss = (
        int(status["VmHWM"].split()[0]) / 1024
    )  # getrusage tells that of the process which started this one, where it was more
    sys.stdout.write(json.dumps({"seconds": seconds, "cpu": cpu, "rss": rss}) + "\n")
    sys.stdout.flush()
    os._exit(0)  # what the libraries do at their end is not measured, and some of them never end


if __name__ == "__main__":
    main(*sys.argv[1:])
