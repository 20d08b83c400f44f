"""Files anywhere, under one set of promises; and strict CSV."""

from typing import TYPE_CHECKING

from portl._lazy import attributes
from portl.errors import (
    AlreadyExists,
    Changed,
    ChecksumMismatch,
    ConfigError,
    FolderNotEmpty,
    InvalidPath,
    IsFolder,
    NotAFolder,
    NotFound,
    NotSupported,
    PermissionDenied,
    StoreClosed,
    StoreError,
    StoreFull,
    StoreTimeout,
    Unavailable,
)
from portl.errors import StoreThrottled as Throttled

if TYPE_CHECKING:
    from portl.stores._addresses import Address, parse_address
    from portl.stores._azure import AzureDriver
    from portl.stores._compressed import HEAD_BYTES, Compression, compression_of, decompressed
    from portl.stores._csv import CsvDialect, CsvReader, read_csv
    from portl.stores._driver import Driver, Upload
    from portl.stores._entries import Capability, Entry, How, Span, Written
    from portl.stores._environment import PROJECT, fits_no_store, in_project, overridden, prefix_of
    from portl.stores._files import File, Files, open_input
    from portl.stores._found import Found, demand_root, facts, fits, found_files, is_pattern, name_parts, plain_folder
    from portl.stores._lines import is_cut_by_bytes
    from portl.stores._local import LocalDriver
    from portl.stores._memory import MemoryDriver
    from portl.stores._open import open_store
    from portl.stores._paths import ExactKey
    from portl.stores._placing import Decision, Overwrite, Placed, carried, decide, look, place, said_of_file, told_of
    from portl.stores._progress import OnProgress, Progress
    from portl.stores._putting import Made, Put, put_made
    from portl.stores._retry import NO_RETRY, RetryPolicy
    from portl.stores._s3 import S3Driver
    from portl.stores._same_file import same_file
    from portl.stores._saying import said_of
    from portl.stores._sftp import SftpDriver
    from portl.stores._specs import STORE_TYPES, AzureSpec, LocalSpec, S3Spec, SftpSpec, StoreSpec, wrong_fields, wrong_value
    from portl.stores._store import OnCall, Store
    from portl.stores._transfer import Verify, transfer
    from portl.stores._upload_download import download, upload

__all__ = [
    "HEAD_BYTES",
    "NO_RETRY",
    "PROJECT",
    "STORE_TYPES",
    "Address",
    "AlreadyExists",
    "AzureDriver",
    "AzureSpec",
    "Capability",
    "Changed",
    "ChecksumMismatch",
    "Compression",
    "ConfigError",
    "CsvDialect",
    "CsvReader",
    "Decision",
    "Driver",
    "Entry",
    "ExactKey",
    "File",
    "Files",
    "FolderNotEmpty",
    "Found",
    "How",
    "InvalidPath",
    "IsFolder",
    "LocalDriver",
    "LocalSpec",
    "Made",
    "MemoryDriver",
    "NotAFolder",
    "NotFound",
    "NotSupported",
    "OnCall",
    "OnProgress",
    "Overwrite",
    "PermissionDenied",
    "Placed",
    "Progress",
    "Put",
    "RetryPolicy",
    "S3Driver",
    "S3Spec",
    "SftpDriver",
    "SftpSpec",
    "Span",
    "Store",
    "StoreClosed",
    "StoreError",
    "StoreFull",
    "StoreSpec",
    "StoreTimeout",
    "Throttled",
    "Unavailable",
    "Upload",
    "Verify",
    "Written",
    "carried",
    "compression_of",
    "decide",
    "decompressed",
    "demand_root",
    "download",
    "facts",
    "fits",
    "fits_no_store",
    "found_files",
    "in_project",
    "is_cut_by_bytes",
    "is_pattern",
    "look",
    "name_parts",
    "open_input",
    "open_store",
    "overridden",
    "parse_address",
    "place",
    "plain_folder",
    "prefix_of",
    "put_made",
    "read_csv",
    "said_of",
    "said_of_file",
    "same_file",
    "told_of",
    "transfer",
    "upload",
    "wrong_fields",
    "wrong_value",
]

if not TYPE_CHECKING:  # so that a name that is not there stays an error of types
    __getattr__ = attributes(
        __name__,
        {
            "_addresses": "Address parse_address",
            "_azure": "AzureDriver",
            "_compressed": "HEAD_BYTES Compression compression_of decompressed",
            "_csv": "CsvDialect CsvReader read_csv",
            "_driver": "Driver Upload",
            "_entries": "Capability Entry How Span Written",
            "_environment": "PROJECT fits_no_store in_project overridden prefix_of",
            "_files": "File Files open_input",
            "_found": "Found demand_root facts fits found_files is_pattern name_parts plain_folder",
            "_lines": "is_cut_by_bytes",
            "_local": "LocalDriver",
            "_memory": "MemoryDriver",
            "_open": "open_store",
            "_paths": "ExactKey",
            "_placing": "Decision Overwrite Placed carried decide look place said_of_file told_of",
            "_progress": "OnProgress Progress",
            "_putting": "Made Put put_made",
            "_retry": "NO_RETRY RetryPolicy",
            "_s3": "S3Driver",
            "_same_file": "same_file",
            "_saying": "said_of",
            "_sftp": "SftpDriver",
            "_specs": "STORE_TYPES AzureSpec LocalSpec S3Spec SftpSpec StoreSpec wrong_fields wrong_value",
            "_store": "OnCall Store",
            "_transfer": "Verify transfer",
            "_upload_download": "download upload",
        },
    )
