"""Files anywhere, under one set of promises; and strict CSV."""

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
from portl.stores._addresses import Address, parse_address
from portl.stores._azure import AzureDriver
from portl.stores._compressed import HEAD_BYTES, Compression, compression_of, decompressed
from portl.stores._csv import CsvDialect, CsvReader, read_csv
from portl.stores._driver import Driver, Upload
from portl.stores._entries import Capability, Entry, How, Span, Written
from portl.stores._environment import overridden, prefix_of
from portl.stores._files import File, Files, open_input
from portl.stores._found import Found, facts, fits, found_files, is_pattern, name_parts, plain_folder
from portl.stores._lines import is_cut_by_bytes
from portl.stores._local import LocalDriver
from portl.stores._memory import MemoryDriver
from portl.stores._open import download, open_store, upload
from portl.stores._paths import ExactKey
from portl.stores._placing import Decision, Overwrite, Placed, decide, look, place, said_of_file, same_file, told_of
from portl.stores._progress import OnProgress, Progress
from portl.stores._putting import Made, Put, put_made
from portl.stores._retry import NO_RETRY, RetryPolicy
from portl.stores._s3 import S3Driver
from portl.stores._saying import said_of
from portl.stores._sftp import SftpDriver
from portl.stores._specs import STORE_TYPES, AzureSpec, LocalSpec, S3Spec, SftpSpec, StoreSpec, wrong_fields
from portl.stores._store import OnCall, Store
from portl.stores._transfer import Verify, transfer

__all__ = [
    "HEAD_BYTES",
    "NO_RETRY",
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
    "compression_of",
    "decide",
    "decompressed",
    "download",
    "facts",
    "fits",
    "found_files",
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
]
