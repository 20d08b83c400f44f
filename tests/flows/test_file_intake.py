"""A partner's SFTP folder into a lake and PostgreSQL: every file exactly once, however often the run is killed."""

from __future__ import annotations

import csv
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from flows.support import ROOT, portl, start
from stores.backends import s3_endpoint, s3_spec, sftp
from stores.sftp_server import PASSWORD, SftpServer

pytestmark = pytest.mark.postgres

JOB = ROOT / "statemachines" / "file_intake"
SAMPLES = JOB / "demo" / "partner" / "out"


@dataclass
class Intake:
    """The job with a real SFTP server, an S3 server and a database of its own."""

    folder: Path
    variables: dict[str, str]
    url: str
    partner: Path
    lake: object
    query: object

    def run(self, *more: str):
        return portl(self.folder, "run", str(JOB / "job.yaml"), "--init-db", *more, **self.variables)

    def killed(self, when: Callable[[Intake], bool]) -> None:
        """Starts a run, and kills it and all its workers as soon as something is there."""
        process = start(self.folder, "run", str(JOB / "job.yaml"), "--init-db", **self.variables)
        while process.poll() is None and not when(self):
            time.sleep(0.005)
        with suppress(psutil.NoSuchProcess):
            for each in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
        process.communicate(timeout=60)

    def rows(self, sql: str):
        return self.query(sql)

    @property
    def committed(self) -> bool:
        there = self.rows("SELECT to_regclass('orders') IS NOT NULL")[0][0]
        return bool(there and self.rows("SELECT count(*) FROM orders")[0][0])

    @property
    def at_partner(self) -> list[str]:
        return sorted(str(path.relative_to(self.partner)) for path in self.partner.rglob("*") if path.is_file())

    @property
    def in_lake(self) -> dict[str, bytes]:
        listed = self.lake.list_objects_v2(Bucket=self.variables["LAKE_BUCKET"]).get("Contents", [])
        read = self.lake.get_object
        return {each["Key"]: read(Bucket=self.variables["LAKE_BUCKET"], Key=each["Key"])["Body"].read() for each in listed}


@pytest.fixture
def intake(tmp_path: Path, postgres_url: str, query) -> Iterator[Intake]:
    import boto3

    server: SftpServer = sftp()
    name = f"p{secrets.token_hex(5)}"
    partner = server.root / name
    shutil.copytree(SAMPLES, partner / "out")
    spec = s3_spec()
    client = boto3.client(
        "s3", endpoint_url=s3_endpoint(), region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    variables = {
        "PG_URL": postgres_url,
        "PARTNER_HOST": "127.0.0.1",
        "PARTNER_USER": "tester",
        "PARTNER_HOST_KEY": server.host_key,
        "PORTL_SECRET_PARTNER_PASSWORD": PASSWORD,
        "PORTL_STORE_PARTNER__PORT": str(server.port),
        "PORTL_STORE_PARTNER__ROOT": f"/{name}",
        "LAKE_BUCKET": spec.bucket,
        "AWS_ENDPOINT_URL": s3_endpoint(),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    yield Intake(tmp_path, variables, postgres_url, partner, client, query)
    client.close()


def sample_orders() -> list[str]:
    found = []
    for file in sorted(SAMPLES.glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as stream:
            found += [row["order_id"] for row in csv.DictReader(stream)]
    return sorted(found)


def arrived_exactly_once(intake: Intake) -> None:
    files = sorted(file.name for file in SAMPLES.glob("*.csv"))
    assert intake.at_partner == [f"done/{name}" for name in files]
    assert intake.in_lake == {f"landing/{name}": (SAMPLES / name).read_bytes() for name in files}
    assert [row[0] for row in intake.rows("SELECT order_id FROM orders ORDER BY order_id")] == sample_orders()
    assert [row[0] for row in intake.rows("SELECT name FROM intake_files ORDER BY name")] == files


def test_every_file_arrives_in_the_lake_and_the_database_and_goes_to_done(intake: Intake) -> None:
    ended = intake.run()
    assert ended.code == 0, ended.err
    arrived_exactly_once(intake)


def test_a_second_run_finds_nothing_and_ends_well(intake: Intake) -> None:
    assert intake.run().code == 0
    ended = intake.run()
    assert ended.code == 0, ended.err
    arrived_exactly_once(intake)


def test_a_wrong_record_leaves_every_source_where_it_is_and_nothing_in_the_database(intake: Intake) -> None:
    wrong = intake.partner / "out" / "orders-2026-11-24.csv"
    wrong.write_bytes(wrong.read_bytes().replace(b"2026-11-24T", b"2026-13-24T", 1))
    ended = intake.run()
    assert (ended.code, "orders-2026-11-24.csv line 2, column ordered_at" in ended.err) == (1, True), ended.err
    assert (intake.rows("SELECT count(*) FROM orders"), intake.rows("SELECT count(*) FROM intake_files")) == ([(0,)], [(0,)])
    assert intake.at_partner == sorted(f"out/{file.name}" for file in SAMPLES.glob("*.csv"))


WHEN = {
    "a file is in the lake": lambda intake: bool(intake.in_lake),
    "the transaction is open": lambda intake: bool(intake.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'")),
    "it has committed": lambda intake: intake.committed,
    "a file is put aside": lambda intake: (intake.partner / "done").exists() and any((intake.partner / "done").iterdir()),
}


@pytest.mark.parametrize(
    ("when", "again"),
    [(when, again) for when, again in zip(WHEN, ["run again", "resumed", "run again", "resumed"], strict=True)],
)
def test_a_run_that_is_killed_and_goes_on_leaves_every_file_exactly_once(intake: Intake, when: str, again: str) -> None:
    intake.killed(WHEN[when])
    ended = intake.run(*(["--resume", "last"] if again == "resumed" else []))
    assert ended.code == 0, ended.err
    arrived_exactly_once(intake)
