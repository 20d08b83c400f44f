from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aws.fake_aws import FakeAws, start_fake_aws


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
