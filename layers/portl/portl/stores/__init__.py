"""Files anywhere. This is the beginning of the store layer: local folders and memory, and strict CSV."""

from portl.stores._csv import CsvDialect, CsvReader, read_csv
from portl.stores._stores import LocalStore, MemoryStore, Store, checksum, open_input, open_store

__all__ = [
    "CsvDialect",
    "CsvReader",
    "LocalStore",
    "MemoryStore",
    "Store",
    "checksum",
    "open_input",
    "open_store",
    "read_csv",
]
