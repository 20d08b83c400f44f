from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aws.fake_aws import FakeAws, start_fake_aws
from aws.lab import Lab
from portl_cli.embedded import Peer


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[FakeAws]:
    """An AWS with a stack and no job in it."""
    folder = tmp_path / "aws"
    folder.mkdir()
    made = start_fake_aws(folder)
    made.stack = f"portl-{tmp_path.name[-20:].replace('_', '-')}"
    made.runs = f"s3://{made.make_stack()}/runs"
    yield made
    made.close()


@pytest.fixture
def lab(tmp_path: Path, aws: FakeAws, postgres_url: str, peer: Peer) -> Lab:
    return Lab(tmp_path, aws, postgres_url, peer)
