"""S3, and what speaks its protocol. Small objects go through obstore; what it cannot do, through boto3, loaded only then.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from portl.errors import (
    AlreadyExists,
    Changed,
    ConfigError,
    NotFound,
    StoreError,
    StoreTimeout,
    Unavailable,
)
from portl.stores._entries import Capability, Entry, How, Span
from portl.stores._object_store import PART_BYTES, STREAM_BYTES, Codes, ObjectDriver, bounds
from portl.stores._paths import ExactKey

if TYPE_CHECKING:
    from portl.stores._addresses import Bucket
    from portl.stores._s3_calls import BucketCalls
    from portl.stores._specs import S3Spec

PARTS_OF_A_SIZE = 1_000
"""After so many parts they become twice as large: an object of 5 TiB must not have more than 10,000.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
"""
COPIED_AT_ONCE = 5 * 1024**3
_CODES = Codes(
    throttled=frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests", "429"}),
    gone=frozenset({"NoSuchBucket", "InvalidBucketName", "PermanentRedirect", "AuthorizationHeaderMalformed", "InvalidRegion"}),
    refused=frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "AccessDenied", "403", "401"}),
)


class S3Driver(ObjectDriver):
    """One bucket, below the prefix of its connection."""

    capabilities: frozenset[Capability] = frozenset(
        {"create", "replace", "if_match", "versions", "metadata", "server_copy", "sign", "exact_keys"}
    )

    def __init__(self, spec: S3Spec | Bucket) -> None:
        self._spec = spec
        # https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
        self._endpoint = spec.endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        super().__init__(spec.prefix)
        self.name = f"s3://{spec.bucket}/{self._prefix}".rstrip("/")
        self.place = f"s3 {self._endpoint or 'aws'} {spec.access_key_id or ''}"

    def _opened(self) -> Any:
        from obstore.store import S3Store

        spec = self._spec
        given = {
            "endpoint": self._endpoint,
            "region": spec.region,
            "access_key_id": spec.access_key_id,
            "secret_access_key": spec.secret_access_key and spec.secret_access_key.get_secret_value(),
            "session_token": spec.session_token and spec.session_token.get_secret_value(),
            "virtual_hosted_style_request": spec.virtual_host,
        }
        return S3Store(
            spec.bucket,
            config={name: value for name, value in given.items() if value is not None},  # type: ignore[arg-type]
            checksum_algorithm="SHA256",
            client_options={"allow_http": (self._endpoint or "").startswith("http:"), "timeout": f"{spec.timeout_s:g}s"},
            retry_config={"max_retries": 0},  # the kernel tries again, the same for every store
        )

    @cached_property
    def _boto3(self) -> Any:
        import boto3
        from botocore.config import Config

        spec = self._spec
        style = "virtual" if spec.virtual_host else "path" if self._endpoint else "auto"
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": style}, read_timeout=spec.timeout_s)
        return boto3.client(
            "s3",
            endpoint_url=self._endpoint,
            region_name=spec.region,
            aws_access_key_id=spec.access_key_id,
            aws_secret_access_key=spec.secret_access_key and spec.secret_access_key.get_secret_value(),
            aws_session_token=spec.session_token and spec.session_token.get_secret_value(),
            config=config,
        )

    def put(self, key: str, data: bytes, how: How) -> Entry:
        """See Driver. S3 compares the SHA-256 that is sent along with what it has received."""
        if isinstance(key, ExactKey):
            return self._put_exact(key, data, how)
        import obstore

        attributes = {**({"Content-Type": how.content_type} if how.content_type else {}), **how.metadata}
        mode: Any = {"e_tag": how.if_match} if how.if_match else "overwrite" if how.overwrite else "create"
        made = obstore.put(self._store, self._prefix + key, data, mode=mode, attributes=attributes or None, use_multipart=False)
        return Entry(key, size=len(data), etag=made["e_tag"], version=made["version"])

    def begin(self, key: str, how: How) -> _Multipart:
        """See Driver."""
        return _Multipart(self._boto3, self.object_of(key), key, how)

    def list(self, prefix: str, *, deep: bool, start_after: str) -> Iterator[Entry]:
        """See Driver. Services that do not know where to start list all."""
        begin = self._prefix + start_after if start_after else ""
        asked = {"prefix": self._prefix + prefix, "delimiter": "" if deep else "/", "start-after": begin}
        for page in self._pages({name: value for name, value in asked.items() if value}):
            found = {each["Prefix"]: None for each in page.get("CommonPrefixes", ())}
            found |= {each["Key"]: each for each in page.get("Contents", ())}
            for key in sorted(found, key=str.encode):
                if key.encode() <= begin.encode():
                    continue
                if found[key] is None:
                    yield Entry(self._own(key.removesuffix("/")), "folder")
                else:
                    yield _boto_entry(self._own(key), found[key])

    def _pages(self, asked: Mapping[str, str]) -> Iterator[Any]:
        from portl.stores._s3_calls import BOTO_NAMES

        if self._rest is not None:
            return self._rest.pages(asked)
        named = {BOTO_NAMES[name]: value for name, value in asked.items()}
        return iter(self._boto3.get_paginator("list_objects_v2").paginate(Bucket=self._spec.bucket, **named))

    @cached_property
    def _rest(self) -> BucketCalls | None:
        from portl.stores._s3_calls import calls_of

        return calls_of(self._spec, self._endpoint)

    def delete(self, key: str, etag: str | None) -> None:
        """See Driver. S3 says nothing when nothing was there, so it is asked first; some services look at no condition.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
        """
        entry = self.head(key, None)
        if etag is not None and entry.etag != etag:
            raise Changed("")
        if etag is not None and self._rest is not None:
            self._rest.delete(self._prefix + key, etag)
        elif isinstance(key, ExactKey) or etag is not None:
            self._boto3.delete_object(**self.object_of(key), **({"IfMatch": etag} if etag else {}))
        else:
            import obstore

            obstore.delete(self._store, self._prefix + key)

    def remove_folder(self, key: str) -> None:
        """See Driver: a folder without files is none."""

    def copy(self, origin: Any, source: str, target: str, how: How, etag: str | None) -> Entry:
        """See Driver. In parts when it is long, or must not overwrite: only the last call of those takes a condition."""
        entry = origin.head(source, None)
        if etag is not None and entry.etag != etag:
            raise Changed("")
        there = {"CopySource": origin.object_of(source), "CopySourceIfMatch": entry.etag}
        if how.overwrite and entry.size <= COPIED_AT_ONCE:
            self._boto3.copy_object(**self.object_of(target), **there)
        elif not entry.size:
            self.put(target, b"", how)
        else:
            _Multipart(self._boto3, self.object_of(target), target, how).copy(there, entry.size)
        return self.head(target, None)

    def classify(self, problem: Exception) -> type[StoreError] | None:
        """See Driver."""
        module = type(problem).__module__
        if module.startswith("obstore") or isinstance(problem, FileNotFoundError):
            return _CODES.of_obstore(problem)
        if module.startswith(("botocore", "boto3")):
            return _boto_meaning(problem)
        from portl.stores._http_calls import ServiceError, network_meaning

        if isinstance(problem, ServiceError):
            return _CODES.meaning(problem.code, str(problem.status), problem)
        return network_meaning(problem)

    def close(self) -> None:
        """See Driver."""
        if "_boto3" in self.__dict__:
            self._boto3.close()
        if rest := self.__dict__.get("_rest"):
            rest.close()

    def object_of(self, key: str) -> dict[str, str]:
        """The bucket and the whole key that a key of this driver stands for."""
        return {"Bucket": self._spec.bucket, "Key": self._prefix + key}

    def _head_exact(self, key: str, version: str | None) -> Entry:
        return _boto_entry(key, self._boto3.head_object(**self.object_of(key), **_version(version)))

    def _get_exact(self, key: str, span: Span) -> tuple[Entry, Iterator[bytes]]:
        from botocore.exceptions import ClientError

        try:
            found = self._boto3.get_object(
                **self.object_of(key),
                **({"Range": bounds(span)} if bounds(span) else {}),
                **({"IfMatch": span.etag} if span.etag else {}),
                **_version(span.version),
            )
        except ClientError as problem:
            if problem.response["Error"]["Code"] not in ("InvalidRange", "416"):
                raise
            return self.head(key, span.version), iter(())
        return _boto_entry(key, found), found["Body"].iter_chunks(STREAM_BYTES)

    def _put_exact(self, key: str, data: bytes, how: How) -> Entry:
        made = self._boto3.put_object(**self.object_of(key), Body=data, **_kept(how), **_condition(how))
        return Entry(key, size=len(data), etag=made["ETag"], version=made.get("VersionId"))


class _Multipart:
    """An object in parts: nobody sees it before the last call, which takes the condition."""

    def __init__(self, client: Any, at: dict[str, str], key: str, how: How) -> None:
        self._client, self._at, self._key, self._how = client, at, key, how
        self._parts: list[dict[str, Any]] = []
        self._size = 0
        self._id = client.create_multipart_upload(**at, **_kept(how), ChecksumAlgorithm="SHA256")["UploadId"]

    @property
    def part_bytes(self) -> int:
        """How large the next part is."""
        return PART_BYTES << (len(self._parts) // PARTS_OF_A_SIZE)

    def part(self, data: bytes) -> None:
        """See Upload."""
        number = len(self._parts) + 1
        made = self._client.upload_part(**self._at, UploadId=self._id, PartNumber=number, Body=data, ChecksumAlgorithm="SHA256")
        kept = {name: made[name] for name in ("ETag", "ChecksumSHA256") if name in made}
        self._parts.append({"PartNumber": number, **kept})
        self._size += len(data)

    def copy(self, source: dict[str, Any], size: int) -> None:
        """Takes another object's bytes, on the server, and shows the object."""
        try:
            for start in range(0, size, COPIED_AT_ONCE):
                number, end = len(self._parts) + 1, min(start + COPIED_AT_ONCE, size)
                made = self._client.upload_part_copy(
                    **self._at, UploadId=self._id, PartNumber=number, CopySourceRange=f"bytes={start}-{end - 1}", **source
                )["CopyPartResult"]
                kept = {name: made[name] for name in ("ETag", "ChecksumSHA256") if name in made}
                self._parts.append({"PartNumber": number, **kept})
            self._size = size
            self.commit()
        except BaseException:
            self.abort()
            raise

    def commit(self) -> Entry:
        """See Upload. Services that do not know the condition are asked before."""
        if self._how.if_match and self._client.head_object(**self._at)["ETag"] != self._how.if_match:
            raise Changed("")
        made = self._client.complete_multipart_upload(
            **self._at, UploadId=self._id, MultipartUpload={"Parts": self._parts}, **_condition(self._how)
        )
        return Entry(self._key, size=self._size, etag=made["ETag"], version=made.get("VersionId"))

    def abort(self) -> None:
        """See Upload."""
        self._client.abort_multipart_upload(**self._at, UploadId=self._id)


def _kept(how: How) -> dict[str, Any]:
    kept: dict[str, Any] = {"ContentType": how.content_type} if how.content_type else {}
    return {**kept, **({"Metadata": dict(how.metadata)} if how.metadata else {})}


def _condition(how: How) -> dict[str, str]:
    if how.if_match:
        return {"IfMatch": how.if_match}
    return {} if how.overwrite else {"IfNoneMatch": "*"}


def _version(version: str | None) -> dict[str, str]:
    return {"VersionId": version} if version else {}


def _boto_entry(key: str, found: Any) -> Entry:
    size = found["Size"] if "Size" in found else _whole(found)
    return Entry(
        key,
        size=size,
        modified=found["LastModified"],
        etag=found["ETag"],
        version=found.get("VersionId"),
        content_type=found.get("ContentType"),
        metadata=found.get("Metadata", {}),
    )


def _whole(found: Any) -> int:
    """The size of the object, of an answer that may hold a range of it."""
    told = found.get("ContentRange") or f"/{found['ContentLength']}"
    return int(str(told).rpartition("/")[2])


def _boto_meaning(problem: Exception) -> type[StoreError] | None:
    answer = getattr(problem, "response", None)
    if answer is None:
        name = type(problem).__name__
        if name in ("NoCredentialsError", "PartialCredentialsError", "ParamValidationError", "NoRegionError"):
            return ConfigError
        return StoreTimeout if "Timeout" in name else Unavailable
    code, status = str(answer["Error"].get("Code", "")), str(answer["ResponseMetadata"]["HTTPStatusCode"])
    if code in ("NoSuchKey", "404", "NoSuchVersion", "NotFound"):
        return NotFound
    if code in ("PreconditionFailed", "412"):
        condition = str(answer["Error"].get("Condition", ""))
        return AlreadyExists if "None" in condition else Changed
    return _CODES.meaning(code, status, problem)
