"""Stores by what a connection says, checked by the model of its type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from portl.errors import ConfigError
from portl.stores._specs import STORE_TYPES, AzureSpec, LocalSpec, S3Spec, SftpSpec, StoreSpec, wrong_fields

if TYPE_CHECKING:
    from portl.stores._driver import Driver


def spec_of(connection: Mapping[str, Any] | StoreSpec, secrets: Callable[[Any], Any] | None) -> StoreSpec:
    """The model of a connection, its secrets replaced.

    Raises:
        ConfigError: there is no such type, or a field is wrong; its value is not told.
    """
    if isinstance(connection, StoreSpec):
        return connection
    fields = dict(secrets(dict(connection)) if secrets else connection)
    kind = fields.get("type")
    if kind not in STORE_TYPES:
        hint = f"one of {', '.join(sorted(STORE_TYPES))}"
        raise ConfigError(f"there is no type of store {kind!r}", hint=hint, operation="open_store")
    try:
        return STORE_TYPES[kind].model_validate(fields)
    except ValidationError as problem:
        text = f"the connection of a store is wrong: {wrong_fields(problem)}"
        raise ConfigError(text, operation="open_store") from None  # it may show a secret


def driver_of(spec: StoreSpec) -> Driver:
    """What speaks to the store of a connection; only the driver of its type is loaded."""
    match spec:
        case LocalSpec():
            from portl.stores._local import LocalDriver

            return LocalDriver(spec.root, durable=spec.durable)
        case S3Spec():
            from portl.stores._s3 import S3Driver

            return S3Driver(spec)
        case SftpSpec():
            from portl.stores._sftp import SftpDriver

            return SftpDriver(spec)
        case AzureSpec():
            from portl.stores._azure import AzureDriver

            return AzureDriver(spec)
    raise AssertionError(spec)
