"""Records as files: CSV, JSON, JSON Lines, XLSX and text, as streams of bytes that are the same for the same records."""

from portl.formats._compression import COMPRESSIONS, Compression, compressed
from portl.formats._csv_text import csv_bytes
from portl.formats._json_text import json_bytes, jsonl_bytes, line_of
from portl.formats._shape import shaped
from portl.formats._xlsx import MAX_ROWS, xlsx_bytes

__all__ = [
    "COMPRESSIONS",
    "MAX_ROWS",
    "Compression",
    "compressed",
    "csv_bytes",
    "json_bytes",
    "jsonl_bytes",
    "line_of",
    "shaped",
    "xlsx_bytes",
]
