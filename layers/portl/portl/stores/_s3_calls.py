"""The two calls of S3 that obstore has no words for and that often come alone: what boto3 loads takes longer than they do.

A list has every key as it is: obstore takes away the slashes that a key begins or ends with. A delete has a condition.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_plus, urlsplit

from portl.stores._http_calls import HttpCalls, xml

if TYPE_CHECKING:
    from portl.stores._addresses import Bucket
    from portl.stores._specs import S3Spec

BOTO_NAMES = {"prefix": "Prefix", "delimiter": "Delimiter", "start-after": "StartAfter"}
"""How boto3 calls what is asked of a list."""
_NOTHING = hashlib.sha256().hexdigest()


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs calls without a body.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    """

    key_id: str
    secret: str = field(repr=False)
    token: str | None = field(repr=False)
    region: str

    def headers(self, method: str, host: str, path: str, query: str, now: datetime) -> dict[str, str]:
        """What is to be sent; ``path`` and ``query`` as they stand in the first line, the query's names in order."""
        at = now.strftime("%Y%m%dT%H%M%SZ")
        sent = {"host": host, "x-amz-content-sha256": _NOTHING, "x-amz-date": at}
        if self.token:
            sent["x-amz-security-token"] = self.token
        names, scope = ";".join(sent), (at[:8], self.region, "s3", "aws4_request")
        asked = "\n".join([method, path, query, *(f"{name}:{value}" for name, value in sent.items()), "", names, _NOTHING])
        text = "\n".join(["AWS4-HMAC-SHA256", at, "/".join(scope), hashlib.sha256(asked.encode()).hexdigest()])
        signature = reduce(_mac, (*scope, text), f"AWS4{self.secret}".encode()).hex()
        said = f"Credential={self.key_id}/{'/'.join(scope)}, SignedHeaders={names}, Signature={signature}"
        return {**sent, "Authorization": f"AWS4-HMAC-SHA256 {said}"}


@dataclass(frozen=True, slots=True)
class BucketCalls:
    """Calls on the bucket that ``calls`` have the address of."""

    calls: HttpCalls
    signer: Signer

    def pages(self, asked: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """The pages of a list, each as boto3 has it. Raises as ``HttpCalls.call``.

        ``{Contents: [{Key, Size, LastModified, ETag}], CommonPrefixes: [{Prefix}]}``
        """
        after = ""
        while True:
            more = {"continuation-token": after} if after else {}
            page, after = _page(self._call("GET", "", {"list-type": "2", "encoding-type": "url", **asked, **more}, {}))
            yield page
            if not after:
                return

    def delete(self, key: str, etag: str) -> None:
        """Removes an object by its whole key, while it has the ETag. Raises: as ``HttpCalls.call``."""
        self._call("DELETE", f"/{quote(key, safe='/~')}", {}, {"If-Match": etag})

    def close(self) -> None:
        """Lets go of connections."""
        self.calls.close()

    def _call(self, method: str, below: str, asked: Mapping[str, str], more: Mapping[str, str]) -> bytes:
        parts, query = urlsplit(self.calls.address), _query(asked)
        path = parts.path + below
        signed = self.signer.headers(method, parts.netloc, path, query, datetime.now(UTC))
        return self.calls.call(method, f"{path}?{query}" if query else path, {**signed, **more})[1]


def calls_of(spec: S3Spec | Bucket, endpoint: str | None, environment: Mapping[str, str] = os.environ) -> BucketCalls | None:
    """Where the keys are told, or stand in the environment as in a function; None: boto3 has to find keys, or a way out."""
    if key_id := spec.access_key_id:
        secret, token = (each.get_secret_value() if each else None for each in (spec.secret_access_key, spec.session_token))
    else:
        names = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")
        key_id, secret, token = (environment.get(f"AWS_{name}") for name in names)
    region = spec.region or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
    address = (endpoint or f"https://s3.{region}.amazonaws.com").rstrip("/") + f"/{spec.bucket}"
    if not key_id or not secret or spec.virtual_host or _goes_round(address, environment):
        return None
    return BucketCalls(HttpCalls(address, spec.timeout_s), Signer(key_id, secret, token, region))


def _goes_round(address: str, environment: Mapping[str, str]) -> bool:
    """Whether a proxy, or certificates of one's own, stand between."""
    proxies = {name.lower()[:-6]: value for name, value in environment.items() if name.lower().endswith("_proxy") and value}
    parts = urlsplit(address)
    if proxies.get(parts.scheme) or proxies.get("all"):
        from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined] # as requests uses it

        return not proxy_bypass_environment(parts.netloc, proxies)
    return parts.scheme == "https" and bool(environment.get("AWS_CA_BUNDLE"))


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _query(asked: Mapping[str, str]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(asked.items()))


def _page(body: bytes) -> tuple[dict[str, Any], str]:
    """A page, and what to go on with (empty: it is the last). Services differ in whether they name the namespace."""
    page = xml(body)
    read = unquote_plus if page.findtext("{*}EncodingType") == "url" else str
    contents = [
        {
            "Key": read(each.findtext("{*}Key") or ""),
            "Size": int(each.findtext("{*}Size") or 0),
            "LastModified": datetime.fromisoformat(each.findtext("{*}LastModified") or ""),
            "ETag": each.findtext("{*}ETag"),
        }
        for each in page.iterfind("{*}Contents")
    ]
    prefixes = [{"Prefix": read(each.findtext("{*}Prefix") or "")} for each in page.iterfind("{*}CommonPrefixes")]
    cut = page.findtext("{*}IsTruncated") == "true"
    return {"Contents": contents, "CommonPrefixes": prefixes}, (page.findtext("{*}NextContinuationToken") or "") if cut else ""
