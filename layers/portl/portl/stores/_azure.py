"""Azure Blob Storage. Reads and lists go through obstore; what must be made on a condition, or compared, over HTTP.

Obstore 0.12 puts a list of blocks without a condition: of many writers that must not overwrite, all would win. What it puts on
one is a single call with the whole content in memory; and it tells no hash.
https://learn.microsoft.com/en-us/rest/api/storageservices/put-block-list
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from portl.errors import (
    AlreadyExists,
    Changed,
    ChecksumMismatch,
    InvalidPath,
    NotFound,
    StoreError,
)
from portl.stores._azure_access import GOOD_FOR, Access, access
from portl.stores._azure_blocks import COPIED_AT_ONCE, Blocks, md5
from portl.stores._entries import Capability, Entry, How, Span
from portl.stores._object_store import STREAM_BYTES, Codes, ObjectDriver, bounds, meta_entry, quoted

if TYPE_CHECKING:
    from portl.stores._azure_calls import BlobCalls
    from portl.stores._specs import AzureSpec

_CODES = Codes(
    throttled=frozenset({"ServerBusy", "TooManyRequests"}),
    gone=frozenset({"ContainerNotFound", "ContainerDisabled", "AccountIsDisabled", "InvalidResourceName", "OutOfRangeInput"}),
    refused=frozenset({"InvalidAuthenticationInfo", "LeaseIdMissing", "BlobImmutableDueToPolicy", "BlobArchived"}),
)
_MEANINGS: dict[str, type[StoreError]] = {
    "BlobAlreadyExists": AlreadyExists,
    "BlobNotFound": NotFound,
    "Md5Mismatch": ChecksumMismatch,
    "ConditionNotMet": Changed,
    "SourceConditionNotMet": Changed,
    "TargetConditionNotMet": Changed,
    "InvalidBlockList": Changed,
}
"""``InvalidBlockList``: whoever commits a blob discards the blocks of all others."""
_LISTED = {"restype": "container", "comp": "list"}


class AzureDriver(ObjectDriver):
    """One container, below the prefix of its connection."""

    hashes: tuple[str, ...] = ("md5",)

    def __init__(self, spec: AzureSpec) -> None:
        super().__init__(spec.prefix)
        self._spec = spec
        self._service = (spec.endpoint or f"https://{spec.account}.blob.core.windows.net").rstrip("/")
        self._access: Access = access(spec, super()._signed)
        self.name = f"azure://{spec.account}/{spec.container}/{self._prefix}".rstrip("/")
        self.place = f"azure {self._service}"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """See Driver. A signature of somebody else signs nothing, and an identity reaches no key that is no path."""
        always: frozenset[Capability] = frozenset({"create", "replace", "if_match", "versions", "metadata", "server_copy"})
        more: dict[Capability, bool] = {"sign": self._access.may_sign, "exact_keys": bool(self._access.secret)}
        return always | {each for each, there in more.items() if there}

    def _opened(self) -> Any:
        from obstore.store import AzureStore

        spec, way = self._spec, self._access
        given: dict[str, Any] = {"account_name": spec.account, "endpoint": self._service, "use_emulator": False}
        if way.name:
            given |= {"credential_type": way.name, "sas_key" if way.name == "sas_token" else "account_key": way.secret}
        return AzureStore(
            spec.container,
            config=given,  # type: ignore[arg-type]
            client_options={"allow_http": self._service.startswith("http:"), "timeout": f"{spec.timeout_s:g}s"},
            retry_config={"max_retries": 0},  # the kernel tries again, the same for every store
        )

    @cached_property
    def calls(self) -> BlobCalls:
        """What obstore has no words for."""
        from portl.stores._azure_calls import BlobCalls

        return BlobCalls(f"{self._service}/{self._spec.container}", self._spec.timeout_s)

    def _allowed(self, key: str, method: str) -> str:
        """The query that allows a call on the blob of a key."""
        if self._access.secret:
            return self._access.of_container()
        return self._access.of_blob(self._prefix + key, method, datetime.now(UTC) + GOOD_FOR)

    def head(self, key: str, version: str | None) -> Entry:
        """See Driver."""
        _check_name(key)
        return super().head(key, version)

    def get(self, key: str, span: Span) -> tuple[Entry, Iterator[bytes]]:
        """See Driver."""
        _check_name(key)
        return super().get(key, span)

    def put(self, key: str, data: bytes, how: How) -> Entry:
        """See Driver. Azure compares the MD5 that is sent along, and answers the one it has counted."""
        sent = {"x-ms-blob-type": "BlockBlob", "Content-MD5": md5(data)}
        answer = self._change(key, how, {}, sent, data)
        counted = base64.b64decode(answer.get("content-md5", "")).hex()
        checksum = f"md5:{counted}" if counted else None
        return Entry(key, size=len(data), etag=answer["etag"], version=answer.get("x-ms-version-id"), checksum=checksum)

    def begin(self, key: str, how: How) -> Blocks:
        """See Driver."""
        _check_name(key)
        _kept(how)  # what cannot be kept is told before anything is sent
        return Blocks(key, self.part_bytes, partial(self._call, "PUT", key), partial(self._change, key, how))

    def _signed(self, key: str, method: str, until: datetime) -> str:
        _check_name(key)
        return f"{self.calls.address_of(key)}?{self._access.of_blob(key, method, until)}"

    def delete(self, key: str, etag: str | None) -> None:
        """See Driver. Snapshots go with their blob: else it could not go."""
        from portl.stores._http_calls import ServiceError

        condition = {"If-Match": etag} if etag else {}
        try:
            self._call("DELETE", key, {}, {"x-ms-delete-snapshots": "include", **condition})
        except ServiceError as problem:
            if problem.code == "ConditionNotMet" and not self._is_there(key):
                raise NotFound("") from problem
            raise

    def remove_folder(self, key: str) -> None:
        """See Driver: a folder without files is none."""

    def copy(self, origin: Any, source: str, target: str, how: How, etag: str | None) -> Entry:
        """See Driver. Synchronous calls only: a copy that goes on behind its answer would be seen before it is whole."""
        entry = origin.head(source, None)
        if etag is not None and entry.etag != etag:
            raise Changed("")
        there = {"x-ms-copy-source": origin.readable(source), "x-ms-source-if-match": entry.etag}
        if entry.size > COPIED_AT_ONCE:
            self.begin(target, how).copy(there, entry.size)
        else:
            self._change(target, How(how.overwrite, how.if_match), {}, {**there, "x-ms-requires-sync": "true"})
        return self.head(target, None)

    def readable(self, key: str) -> str:
        """An address for the service itself to read a blob from, for as long as a copy may take."""
        return self._signed(self._prefix + key, "GET", datetime.now(UTC) + GOOD_FOR)

    def classify(self, problem: Exception) -> type[StoreError] | None:
        """See Driver."""
        from portl.stores._http_calls import ServiceError, network_meaning

        if isinstance(problem, ServiceError):
            status = str(problem.status)
            absent = NotFound if status == "404" and problem.code not in _CODES.gone else None
            return _MEANINGS.get(problem.code) or absent or _CODES.meaning(problem.code, status, problem)
        if type(problem).__module__.startswith("obstore") or isinstance(problem, FileNotFoundError):
            return _CODES.of_obstore(problem)
        return network_meaning(problem)

    def close(self) -> None:
        """See Driver."""
        if "calls" in self.__dict__:
            self.calls.close()

    def _call(
        self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str], data: bytes = b""
    ) -> Mapping[str, str]:
        _check_name(key)
        allowed = self._allowed(key, method)
        return self.calls.call(method, self._prefix + key, allowed, query, headers, data)[0]

    def _change(
        self, key: str, how: How, query: Mapping[str, str], headers: Mapping[str, str], data: bytes = b""
    ) -> Mapping[str, str]:
        """The call that shows a blob, on the condition of ``how``."""
        from portl.stores._http_calls import ServiceError

        try:
            return self._call("PUT", key, query, {**headers, **_kept(how), **_condition(how)}, data)
        except ServiceError as problem:
            unmet = problem.code in ("ConditionNotMet", "TargetConditionNotMet", "InvalidBlockList")
            if unmet and not how.overwrite and self._is_there(key):
                raise AlreadyExists("") from problem
            raise

    def _is_there(self, key: str) -> bool:
        try:
            self.head(key, None)
        except Exception as problem:
            if self.classify(problem) is not NotFound:
                raise
            return False
        return True

    def _head_exact(self, key: str, version: str | None) -> Entry:
        return _http_entry(key, self._call("HEAD", key, {"versionid": version} if version else {}, {}))

    def _get_exact(self, key: str, span: Span) -> tuple[Entry, Iterator[bytes]]:
        entry = self._head_exact(key, span.version)
        if span.start >= entry.size:
            return entry, iter(())
        asked = {"If-Match": span.etag or entry.etag or "*", **({"x-ms-range": bounds(span)} if bounds(span) else {})}
        query = self._allowed(key, "GET") + (f"&versionid={quote(span.version)}" if span.version else "")
        _, parts = self.calls.streamed(self._prefix + key, query, asked, STREAM_BYTES)
        return entry, parts

    def list(self, prefix: str, *, deep: bool, start_after: str) -> Iterator[Entry]:
        """See Driver. Not by obstore where that can be: it takes away the slashes that a key begins or ends with."""
        return (self._listed if self._access.secret else self._listed_by_identity)(prefix, start_after, deep=deep)

    def _listed(self, prefix: str, after: str, *, deep: bool) -> Iterator[Entry]:
        from portl.stores._azure_calls import listed

        asked = {**_LISTED, "prefix": self._prefix + prefix, **({} if deep else {"delimiter": "/"})}
        begin, marker = (self._prefix + after).encode() if after else b"", "first"
        while marker:
            query = asked if marker == "first" else {**asked, "marker": marker}
            _, body = self.calls.call("GET", "", self._access.of_container(), query)
            found, marker = listed(body)
            for key, told in sorted(found, key=lambda each: each[0].encode()):  # a page has its folders apart
                if key.encode() <= begin:
                    continue
                if told is None:
                    yield Entry(self._own(key.removesuffix("/")), "folder")
                else:
                    yield _http_entry(self._own(key), {name.lower(): value for name, value in told.items()})

    def _listed_by_identity(self, prefix: str, after: str, *, deep: bool) -> Iterator[Entry]:
        import obstore

        start, begin = (self._prefix + prefix).rstrip("/"), (self._prefix + after).encode() if after else b""
        try:
            if deep:
                for batch in obstore.list(self._store, start or None, offset=self._prefix + after if after else None):
                    yield from (meta_entry(self._own(each["path"]), each) for each in batch if each["path"].encode() > begin)
                return
            level = obstore.list_with_delimiter(self._store, start or None)
        except obstore.exceptions.InvalidPathError:
            self._access.of_container()  # says that there is no other way
            raise
        there = {f"{each}/": Entry(self._own(each), "folder") for each in level["common_prefixes"]}
        there |= {each["path"]: meta_entry(self._own(each["path"]), each) for each in level["objects"]}
        for key in sorted(there, key=str.encode):
            if key.encode() > begin:
                yield there[key]


def _check_name(key: str) -> None:
    """Azure takes the dots off the end of every part of a key, without a word: another blob would be meant.

    https://learn.microsoft.com/en-us/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    """
    if any(part.endswith(".") for part in key.split("/")):
        text = f"{key!r} cannot be a name on Azure: a part of it ends with a dot, which Azure takes off"
        raise InvalidPath(text, hint="a name without a dot at its end")


def _kept(how: How) -> dict[str, str]:
    kept = {"x-ms-blob-content-type": how.content_type} if how.content_type else {}
    kept |= {f"x-ms-meta-{name}": value for name, value in how.metadata.items()}
    if not all(value.isascii() and value.isprintable() for each in kept.items() for value in each):
        raise StoreError("content type and metadata can only be of printable ASCII on Azure", hint="encode what is not")
    return kept


def _condition(how: How) -> dict[str, str]:
    if how.if_match:
        return {"If-Match": how.if_match}
    return {} if how.overwrite else {"If-None-Match": "*"}


def _http_entry(key: str, told: Mapping[str, str]) -> Entry:
    metadata = {name[10:]: value for name, value in told.items() if name.startswith("x-ms-meta-")}
    return Entry(
        key,
        size=int(told["content-length"]),
        modified=parsedate_to_datetime(told["last-modified"]),
        etag=quoted(told["etag"]),
        version=told.get("x-ms-version-id"),
        content_type=told.get("content-type"),
        metadata=metadata,
    )
