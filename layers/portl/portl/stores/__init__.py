"""Files anywhere. This is the beginning of the store layer: local folders and memory, and strict CSV."""

from portl.stores._base import Store
from portl.stores._csv import CsvDialect, CsvReader, read_csv
from portl.stores._local import LocalStore, checksum, open_input, open_store
from portl.stores._memory import MemoryStore

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
