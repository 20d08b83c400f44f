"""The stores that the contract is held to, by name.

``PORTL_STORE_BACKEND=package.module:name`` holds another one to it instead: what is named gets a folder of the test's own and
answers the driver of an empty store. Several are separated by commas. See docs/writing-a-store-driver.md.
"""

from __future__ import annotations

import logging
import os
import secrets
import tempfile
import threading
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from portl.stores import AzureDriver, AzureSpec, Driver, LocalDriver, MemoryDriver, S3Driver, S3Spec, SftpDriver, SftpSpec
from stores.azurite import ACCOUNT, KEY, Azurite, start_azurite
from stores.sftp_server import PASSWORD, SftpServer, start_sftp_server


@cache
def s3_endpoint() -> str:
    """A server of S3's protocol for as long as the tests run.

    It handles one request after the other: S3 looks at a condition and acts on it in one step, moto in two.
    """
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto, one_at_a_time = DomainDispatcherApplication(create_backend_app), threading.Lock()

    def application(environ: Any, start_response: Any) -> Any:
        with one_at_a_time:
            return moto(environ, start_response)

    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, name="s3-server", daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def s3_spec(**more: object) -> S3Spec:
    """A bucket of its own, made now."""
    import boto3

    keys = {"region_name": "us-east-1", "aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    bucket = f"b{secrets.token_hex(8)}"
    client = boto3.client("s3", endpoint_url=s3_endpoint(), **keys)
    client.create_bucket(Bucket=bucket)
    client.close()
    given = {"access_key_id": "testing", "secret_access_key": "testing", "region": "us-east-1", "endpoint": s3_endpoint()}
    return S3Spec.model_validate({"bucket": bucket, **given, **more})


@cache
def sftp() -> SftpServer:
    """An SFTP server for as long as the tests run; every test has a folder of its own."""
    return start_sftp_server(Path(tempfile.mkdtemp(prefix="portl-sftp-")))


def sftp_spec(server: SftpServer | None = None, **more: object) -> SftpSpec:
    """A folder of its own on a server."""
    server = server or sftp()
    given = {"host": "127.0.0.1", "port": server.port, "user": "tester", "host_key": server.host_key, "password": PASSWORD}
    return SftpSpec.model_validate({"root": f"/r{secrets.token_hex(6)}", **given, **more})


@cache
def azurite() -> Azurite:
    """A server of Azure's Blob protocol for as long as the tests run."""
    return start_azurite()


def azure_spec(**more: object) -> AzureSpec:
    """A container of its own, made now."""
    container = f"c{secrets.token_hex(8)}"
    azurite().make_container(container)
    given = {"account": ACCOUNT, "container": container, "endpoint": azurite().endpoint, "account_key": KEY}
    return AzureSpec.model_validate({**given, **more})


BACKENDS: dict[str, Callable[[Path], Driver]] = {
    "local": lambda folder: LocalDriver(folder / "store"),
    "memory": lambda _: MemoryDriver(),
    "s3": lambda _: S3Driver(s3_spec()),
    "sftp": lambda _: SftpDriver(sftp_spec()),
    "azure": lambda _: AzureDriver(azure_spec()),
    "azure-prefix": lambda _: AzureDriver(azure_spec(prefix="below/here")),
    "s3-prefix": lambda _: S3Driver(s3_spec(prefix="below/here")),
}
PREFIXED = ("azure-prefix", "s3-prefix")
"""The same drivers below a prefix, which `make test-long` goes through."""
TESTED: tuple[Any, ...] = tuple(pytest.param(each, marks=pytest.mark.long) if each in PREFIXED else each for each in BACKENDS)
"""Those that the suites run on. Some tests need another store beside the one they test."""

if own := os.environ.get("PORTL_STORE_BACKEND"):
    TESTED = tuple(own.split(","))
    BACKENDS |= {each: getattr(import_module(each.partition(":")[0]), each.partition(":")[2]) for each in TESTED}
