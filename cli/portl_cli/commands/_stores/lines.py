"""What files are, in words: on one line whatever their names hold."""

from __future__ import annotations

from typing import Any

from rich.filesize import decimal

from portl.stores import Entry


def one_line(text: str) -> str:
    """A name that may stand on a terminal: what is not printable is written as Python writes it."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def amount(size: int) -> str:
    """``1,234`` bytes as ``1.2 kB``."""
    return decimal(size)


def counted(files: int) -> str:
    """``1 file``, ``1,234 files``."""
    return f"{files:,} file{'s' if files != 1 else ''}"


def listed(address: str, entry: Entry, *, long: bool) -> str:
    """One line of a listing: the address, before it with ``long`` the size in bytes and when it was changed."""
    shown = one_line(address) + ("/" if entry.kind == "folder" and not address.endswith("/") else "")
    if not long:
        return shown
    size = "-" if entry.kind == "folder" else f"{entry.size:,}"
    modified = entry.modified.strftime("%Y-%m-%d %H:%M:%S") if entry.modified and entry.kind == "file" else "-"
    return f"{size:>17}  {modified:<19}  {shown}"


def document(address: str, entry: Entry) -> dict[str, Any]:
    """All that a store says: ``size`` in bytes, ``modified`` in ISO 8601, ``checksum`` as ``algorithm:hexadecimal``."""
    return {
        "address": address,
        "kind": entry.kind,
        "size": entry.size if entry.kind == "file" else None,
        "modified": entry.modified.isoformat() if entry.modified else None,
        "etag": entry.etag,
        "version": entry.version,
        "checksum": entry.checksum,
        "content_type": entry.content_type,
        "metadata": dict(entry.metadata),
    }


def facts(address: str, entry: Entry) -> list[str]:
    """The same for people, a line each; what the store does not tell is left out."""
    told = document(address, entry) | {"size": f"{entry.size:,}" if entry.kind == "file" else None, "metadata": None}
    told |= {f"metadata {name}": value for name, value in entry.metadata.items()}
    return [f"{name.replace('_', ' ')}: {one_line(str(value))}" for name, value in told.items() if value not in (None, "")]
