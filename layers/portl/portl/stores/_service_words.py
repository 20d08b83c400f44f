"""What the errors of services mean in words of one's own: their text is meant for who wrote the library, or is XML.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
https://learn.microsoft.com/en-us/rest/api/storageservices/blob-service-error-codes
"""

from __future__ import annotations

import re
import socket
from typing import Any

_BY_CODE = {
    "NoSuchBucket": ("the bucket {bucket} is not there", "make it, or correct `bucket`"),
    "InvalidBucketName": ("{bucket} is no name of a bucket", "correct `bucket`"),
    "ContainerNotFound": ("the container {bucket} is not there", "make it, or correct `container`"),
    "PermanentRedirect": ("the bucket {bucket} is in another region", "correct `region`, or `endpoint`"),
    "AuthorizationHeaderMalformed": ("the bucket {bucket} is in another region", "correct `region`"),
    "InvalidRegion": ("there is no such region", "correct `region`"),
    "InvalidAccessKeyId": ("the service does not know the access key", "correct `access_key_id`, or what it is taken from"),
    "SignatureDoesNotMatch": (
        "the secret key does not fit the access key",
        "correct `secret_access_key`, or what it is taken from",
    ),
    "ExpiredToken": ("the session token has expired", "get new credentials"),
    "AccessDenied": ("{path}: the credentials do not allow it (AccessDenied)", "let their policy allow it, or use others"),
    "AuthenticationFailed": ("the account key or the token does not fit", "correct `account_key` or `sas_token`"),
    "AuthorizationPermissionMismatch": ("{path}: the credentials do not allow it", "let their role or token allow it"),
}
_NO_CREDENTIALS = (
    "no credentials were found",
    "tell keys in the connection or in the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), or give a role",
)
_NO_IDENTITY = ("no credentials were found", "tell `account_key` or `sas_token`, or give an identity")
_NO_HOST = ("the host of the store does not resolve", "correct `endpoint` or `host`, or look at the name server")
_REFUSED = ("the store could not be reached: nobody listens at its address", "is the service up, and the port right?")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (40[13])|\((40[13])\)")
_UNRESOLVED = re.compile(
    r"dns error|failed to lookup|name or service not known|nodename nor servname|failed to resolve", re.IGNORECASE
)
_CLOSED = re.compile(r"connection refused", re.IGNORECASE)
_METADATA = "169.254.169.254"
"""Where a machine of AWS or Azure tells its own credentials: asked when there are no others."""


def in_words(problem: Exception, path: str, store: str) -> tuple[str, str] | None:
    """What an error of a store's library says, and a way out; None where its own text has to do.

    ``store`` is the driver's name, such as ``s3://lake/landing``.
    """
    text = _whole(problem)
    known = _BY_CODE.get(_code_of(problem, text))
    if known is None:
        return _of_the_way(problem, text, store) or _refused_without_a_code(problem, text, path, store)
    account_or_bucket, _, below = store.partition("://")[2].partition("/")
    bucket = below.partition("/")[0] if store.startswith("azure:") else account_or_bucket
    return known[0].format(path=path or store, bucket=bucket), known[1]


def _code_of(problem: Exception, text: str) -> str:
    answer: Any = getattr(problem, "response", None)
    if isinstance(answer, dict):
        return str(answer.get("Error", {}).get("Code", ""))
    match = _CODE.search(text)
    return match[1] if match else str(getattr(problem, "code", ""))


def _of_the_way(problem: Exception, text: str, store: str) -> tuple[str, str] | None:
    if _METADATA in text or type(problem).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
        return _NO_CREDENTIALS if store.startswith("s3:") else _NO_IDENTITY
    if isinstance(problem, socket.gaierror) or _UNRESOLVED.search(text):
        return _NO_HOST
    return _REFUSED if isinstance(problem, ConnectionRefusedError) or _CLOSED.search(text) else None


def _refused_without_a_code(problem: Exception, text: str, path: str, store: str) -> tuple[str, str] | None:
    """An answer to HEAD has no body, so that only its status tells."""
    status = getattr(problem, "status", None)
    match = _STATUS.search(text)
    if "://" not in store or not (match or status in (401, 403)):
        return None
    told = status or (match and (match[1] or match[2]))
    return f"{path or store}: the service refused it ({told})", "check the keys, and what their policy allows"


def _whole(problem: Exception) -> str:
    """The text, and that of what boto3 has hidden in its own."""
    inner = getattr(problem, "kwargs", None)
    return f"{problem} {inner.get('error', '')}" if isinstance(inner, dict) else str(problem)
