"""Opening a store: by what a connection says, or by an address. No call is made before the first that asks for something."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from portl.errors import ConfigError, InvalidPath
from portl.stores._addresses import BUCKET_LENGTH, Bucket, parse_address
from portl.stores._retry import RetryPolicy
from portl.stores._store import OnCall, Store

if TYPE_CHECKING:
    from portl.stores._driver import Driver
    from portl.stores._specs import StoreSpec

    Connection = str | PathLike[str] | Mapping[str, Any] | StoreSpec
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
    if isinstance(connection, (str, PathLike)):
        driver, usual = _addressed(str(connection), durable=durable), RetryPolicy()
    else:
        from portl.stores._connected import driver_of, spec_of  # what reads a connection takes longer to load than all the rest

        spec = spec_of(connection, secrets)
        driver, usual = driver_of(spec), spec.retry.policy()
    return Store(driver, retry=retry or usual, remaining=remaining, on_call=on_call)


def _addressed(address: str, *, durable: bool) -> Driver:
    if "://" not in address:
        from portl.stores._local import LocalDriver

        return LocalDriver(address or ".", durable=durable)
    hint = "a folder, s3://bucket/prefix, or a connection's fields"
    try:
        found = parse_address(address)
    except InvalidPath as problem:
        raise ConfigError(f"{address} is no store", hint=hint, store=address, operation="open_store") from problem
    if not BUCKET_LENGTH[0] <= len(found.bucket) <= BUCKET_LENGTH[1]:
        text = f"{address} is no store: a bucket's name has {BUCKET_LENGTH[0]} to {BUCKET_LENGTH[1]} characters"
        raise ConfigError(text, hint=hint, store=address, operation="open_store")
    from portl.stores._s3 import S3Driver

    return S3Driver(Bucket(found.bucket, found.path))
