"""Flow A over twelve records, here and in the fake AWS, with one database and one peer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from aws.fake_aws import FakeAws
from flows.support import Ended, portl, project, records, start, write_records
from portl_cli.embedded import Peer

SMALL = {"as: row}": "as: row, size: 5}"}
ONCE = {**SMALL, "retry: {max_attempts: 4, backoff_ms: 500}": "retry: {max_attempts: 1}"}
FAST = ("--time-scale", "0.02")


class Lab:
    """A project, the AWS it is deployed to, and commands over both."""

    def __init__(self, folder: Path, aws: FakeAws, postgres_url: str, peer: Peer) -> None:
        self.folder, self.aws, self.job = folder, aws, project(folder, SMALL)
        self.file = write_records(folder / "in.csv", records(12, keys=12))
        self.variables = {"PG_URL": postgres_url, "NOTIFY_URL": peer.url, "PORTL_TIME_SCALE": "0.01"}

    def change(self, change: dict[str, str]) -> None:
        project(self.folder, change)

    def deploy(self) -> None:
        self.aws.deploy(self.job, **self.variables)

    def command(self, *options: str, new: bool = True) -> tuple[str, ...]:
        given = ("--param", f"path={self.file}") if new else ()
        return ("run", str(self.job), *given, "--on", "aws", *options, *FAST)

    def on_aws(self, *options: str, new: bool = True, **variables: str) -> Ended:
        return portl(self.folder, *self.command(*options, new=new), **self.aws.variables(**variables))

    def started(self, *options: str, new: bool = True) -> Any:
        return start(self.folder, *self.command(*options, new=new), **self.aws.variables())

    def here(self, *options: str) -> Ended:
        command = ("run", str(self.job), "--param", f"path={self.file}", *options, "--host", "inline", *FAST)
        return portl(self.folder, *command, **self.variables)


def run_of(ended: Ended) -> str:
    return str(re.findall(r"^run (\S+)", ended.err + ended.out, re.MULTILINE)[0])
