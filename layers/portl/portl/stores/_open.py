"""Opening a store: by what a connection says, or by an address. No call is made before the first that asks for something."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from portl.errors import ConfigError, InvalidPath
from portl.stores._addresses import parse_address
from portl.stores._entries import Written
from portl.stores._retry import RetryPolicy
from portl.stores._specs import STORE_TYPES, AzureSpec, LocalSpec, S3Spec, SftpSpec, StoreSpec, wrong_fields
from portl.stores._store import OnCall, Store
from portl.stores._transfer import Verify, transfer

if TYPE_CHECKING:
    from portl.stores._driver import Driver

Connection = str | Path | Mapping[str, Any] | StoreSpec
"""A folder, ``s3://bucket/prefix``, a store's fields with their ``type``, or its model."""


def open_store(
    connection: Connection,
    *,
    secrets: Callable[[Any], Any] | None = None,
    durable: bool = True,
    retry: RetryPolicy | None = None,
    remaining: Callable[[], float] | None = None,
    on_call: OnCall | None = None,
) -> Store:
    """The store that a connection describes; no call is made.

    Args:
        connection: see ``Connection``.
        secrets: answers a connection's fields with their ``${env:X}`` and ``${secret:X}`` replaced.
        durable: of a folder: what is written outlasts a power cut.
        retry: instead of the connection's own.
        remaining: the seconds that the function has left, which no attempt goes beyond.
        on_call: is told of every call.

    Raises:
        ConfigError: it is no connection of a store.
    """
    spec = _spec(connection, secrets, durable=durable)
    return Store(_driver(spec), retry=retry or spec.retry.policy(), remaining=remaining, on_call=on_call)


def upload(file: str | Path, store: Store, path: str, *, overwrite: bool = False, verify: Verify = "checksum") -> Written:
    """Copies a file of this machine into a store. See ``transfer``."""
    here, name = _beside(file)
    return transfer(here, name, store, path, overwrite=overwrite, verify=verify)


def download(store: Store, path: str, file: str | Path, *, overwrite: bool = False, verify: Verify = "checksum") -> Written:
    """Copies a file of a store to this machine: it is there whole, or not at all. See ``transfer``."""
    here, name = _beside(file)
    return transfer(store, path, here, name, overwrite=overwrite, verify=verify)


def _beside(file: str | Path) -> tuple[Store, str]:
    path = Path(file).expanduser().absolute()
    return open_store(path.parent), path.name


def _spec(connection: Connection, secrets: Callable[[Any], Any] | None, *, durable: bool) -> StoreSpec:
    if isinstance(connection, StoreSpec):
        return connection
    if isinstance(connection, Mapping):
        return _told(dict(secrets(dict(connection)) if secrets else connection))
    if "://" not in str(connection):
        return LocalSpec(root=str(connection) or ".", durable=durable)
    try:
        found = parse_address(str(connection))
    except InvalidPath as problem:
        hint = "a folder, s3://bucket/prefix, or a connection's fields"
        raise ConfigError(f"{connection} is no store", hint=hint, store=str(connection), operation="open_store") from problem
    return _told({"type": "s3", "bucket": found.bucket, "prefix": found.path})


def _told(fields: dict[str, Any]) -> StoreSpec:
    kind = fields.get("type")
    if kind not in STORE_TYPES:
        hint = f"one of {', '.join(sorted(STORE_TYPES))}"
        raise ConfigError(f"there is no type of store {kind!r}", hint=hint, operation="open_store")
    try:
        return STORE_TYPES[kind].model_validate(fields)
    except ValidationError as problem:
        text = f"the connection of a store is wrong: {wrong_fields(problem)}"
        raise ConfigError(text, operation="open_store") from None  # it may show a secret


def _driver(spec: StoreSpec) -> Driver:
    match spec:
        case LocalSpec():
            from portl.stores._local import LocalDriver

            return LocalDriver(spec.root, durable=spec.durable)
        case S3Spec():
            from portl.stores._s3 import S3Driver

            # https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
            told = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
            return S3Driver(spec.model_copy(update={"endpoint": spec.endpoint or told}))
        case SftpSpec():
            from portl.stores._sftp import SftpDriver

            return SftpDriver(spec)
        case AzureSpec():
            from portl.stores._azure import AzureDriver

            return AzureDriver(spec)
    raise AssertionError(spec)
