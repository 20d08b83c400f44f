"""Flow B: the records come out of one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.support import FLOW_B, RESOURCES, VERSIONS, expected, load_function, portl, project
from portl_cli.embedded import Peer


def test_the_records_of_one_call_give_the_rows_and_calls_of_one_record_after_another(
    tmp_path: Path, postgres_url: str, query: Any, peer: Peer
) -> None:
    given = load_function("feed")({"batch_id": "2026-11"}, None)["records"]
    job = project(tmp_path, job=FLOW_B)
    ended = portl(
        tmp_path, "run", str(job), "--param", "batch_id=2026-11", "--init-db", PG_URL=postgres_url, NOTIFY_URL=peer.url
    )
    assert ended.code == 0, ended.err
    wanted = expected(given, lambda record: record)
    assert sorted(query(RESOURCES)) == wanted.resources
    assert sorted(query(VERSIONS), key=lambda row: row[:3]) == wanted.versions
    assert len(peer.calls()) == 2 * len(given)
