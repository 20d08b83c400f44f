"""Addresses of files: ``store:path``, ``s3://bucket/key``, or a path of this machine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from portl.errors import InvalidPath

if TYPE_CHECKING:
    from pydantic import SecretStr

_NAMED = re.compile(r"([A-Za-z_][A-Za-z0-9_]{1,39}):(?!//)(.*)", re.DOTALL)
"""A name of one letter is none: it would be a drive of Windows."""
_S3 = re.compile(r"s3://([^/]*)/?(.*)", re.DOTALL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class Address(NamedTuple):
    """Where a file is: in the store of a name, in a bucket of S3, or, where both are empty, on this machine."""

    path: str
    store: str = ""
    bucket: str = ""


BUCKET_LENGTH = 3, 63
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""


class Bucket(NamedTuple):
    """A bucket by its address alone: keys, region and endpoint are the environment's, or the function's role's. See S3Spec.

    Where there is nothing to check there is no model: to load what checks a connection takes longer than to read an object.
    """

    bucket: str
    prefix: str = ""
    region: str | None = None
    endpoint: str | None = None
    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    virtual_host: bool | None = None
    timeout_s: float = 30


def parse_address(text: str) -> Address:
    """What an address says.

    Raises:
        InvalidPath: F102, it is empty, or begins with a scheme that is none of a store's.
    """
    if not text:
        raise InvalidPath("the path is empty", hint="name a file")
    if found := _S3.fullmatch(text):
        if not found[1]:
            raise InvalidPath(f"{text} names no bucket", hint="s3://bucket/key", path=text)
        return Address(found[2], bucket=found[1])
    if _SCHEME.match(text):
        hint = "declare a store under connections and write name:path; only s3:// can stand by itself"
        raise InvalidPath(f"{text} is no address of a file", hint=hint, path=text)
    if found := _NAMED.fullmatch(text):
        return Address(found[2], store=found[1])
    return Address(text)
