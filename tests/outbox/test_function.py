"""The function that a schedule calls: functions/outbox_drain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from flows.support import load_function
from portl.errors import Permanent
from portl.jobs import encode_spec
from portl_cli.embedded import Peer

pytestmark = pytest.mark.postgres


@dataclass
class Context:
    left_ms: int = 60_000
    aws_request_id: str = "r"

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


@pytest.fixture
def event(specs: dict[str, Any]) -> dict[str, Any]:
    return {"job": "orders", "connections": {name: encode_spec(spec) for name, spec in specs.items()}}


@pytest.fixture(autouse=True)
def _log(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("PORTL_LOG", str(tmp_path / "log.jsonl"))


def test_it_delivers_what_is_due_for_the_connections_of_its_event(event: Any, queue: Any, peer: Peer, states: Any) -> None:
    queue(range(3))
    handler = load_function("outbox_drain")
    assert handler({**event, "max": 2}, Context()) == {"delivered": 2, "failed": 0, "dead": 0, "lost": 0}
    assert handler(event, Context()) == {"delivered": 1, "failed": 0, "dead": 0, "lost": 0}
    assert states() == [(n, "delivered", 0) for n in range(3)]


def test_it_takes_nothing_that_it_has_no_time_to_send(event: Any, queue: Any, states: Any) -> None:
    queue([1])
    assert load_function("outbox_drain")(event, Context(left_ms=5_000)) == {"delivered": 0, "failed": 0, "dead": 0, "lost": 0}
    assert states() == [(1, "waiting", 0)]


def test_what_is_not_set_leaves_it_as_one_of_the_outcomes(event: Any) -> None:
    event["connections"]["shop"] = encode_spec({"type": "postgres", "url": "${env:PORTL_TEST_NOT_SET}"})
    with pytest.raises(Permanent, match="V101"):
        load_function("outbox_drain")(event, Context())
