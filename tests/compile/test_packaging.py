"""A step's spec above 8 KB stands beside the machine under its hash, and its function reads it back as it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compile.test_segments import CONDITIONAL, READ
from portl.errors import RunError
from portl.jobs import Job, decode_spec
from portl.runs import SPEC_REFERENCE, keep_specs
from portl.runs._specs import read_spec
from portl.stores import open_store
from portl_cli.compile import Compiled, compile_job
from portl_cli.compile.packaging import LARGEST_BYTES

LONG = "SELECT 1 -- ${x} {% y %} " + "é" * 5_000
QUERY = "  - {{id: {id}, type: db.query_one, batch: *each, sql: '{sql}'}}\n"


def compiled(job: Job) -> Compiled:
    return compile_job(job, lambda _: 900)


def specs_in(value: Any) -> list[dict[str, Any]]:
    """Every spec that stands in a machine, packaged or not."""
    if isinstance(value, list):
        return [found for item in value for found in specs_in(item)]
    if not isinstance(value, dict):
        return []
    own = [value] if {"id", "type"} <= value.keys() and "." in str(value["type"]) else []
    return own + [found for item in value.values() for found in specs_in(item)]


def test_a_large_spec_is_a_reference_and_a_small_one_is_not(job: Callable[[str], Job]) -> None:
    found = compiled(job(READ + QUERY.format(id="big", sql=LONG) + QUERY.format(id="small", sql="SELECT 1")))
    (digest,) = found.specs
    standing = {spec["id"]: spec for spec in specs_in(found.definition)}
    assert standing["big"] == {"id": "big", "type": "db.query_one", SPEC_REFERENCE: digest}
    assert decode_spec(standing["small"])["sql"] == "SELECT 1"
    assert hashlib.sha256(found.specs[digest].encode()).hexdigest() == digest
    assert json.loads(found.specs[digest])["sql"] == LONG


def test_a_spec_of_8_kb_stands_in_the_machine_and_one_byte_more_does_not(job: Callable[[str], Job]) -> None:
    bare = len(json.dumps(specs_in(compiled(job(READ + QUERY.format(id="q", sql="SELECT 1"))).definition)[-1]).encode())
    room = LARGEST_BYTES - bare
    counts = [len(compiled(job(READ + QUERY.format(id="q", sql=f"SELECT 1{' ' * more}"))).specs) for more in (room, room + 1)]
    assert counts == [0, 1]


def test_the_budget_counts_what_stands_in_the_state(job: Callable[[str], Job]) -> None:
    large = compiled(job(READ + QUERY.format(id="q", sql=LONG * 20)))
    assert large.budget.payload_bytes < 2_000
    assert len(json.dumps(large.definition)) < 10_000


def test_the_same_spec_is_packaged_once_and_always_under_the_same_name(job: Callable[[str], Job]) -> None:
    text = READ + QUERY.format(id="q", sql=LONG)
    assert dict(compiled(job(text)).specs) == dict(compiled(job(text)).specs)


TRANSACTIONS = ["", "transaction: {scope: db, connection: db}\n", "transaction: {scope: chunk, connection: db}\n"]


@pytest.mark.parametrize("transaction", TRANSACTIONS)
def test_steps_in_branches_and_transactions_are_packaged_too(job: Callable[[str], Job], transaction: str) -> None:
    choose = CONDITIONAL.format(batch="batch: *each", test="row.code == 'a'")
    for path, sql in (("/yes", LONG), ("/again", "SELECT 2"), ("/no", "SELECT 3")):
        choose = choose.replace(f"type: api.call, path: {path}", f"type: db.query_one, sql: '{sql}'")
    found = compiled(job(transaction + READ + choose))
    text = json.dumps(found.definition)
    assert [text.count(digest) for digest in found.specs] == [1]
    assert len(text) < 12_000


TEXT = '{"id": "q", "type": "db.query_one", "sql": "SELECT 1"}\n'
DIGEST = hashlib.sha256(TEXT.encode()).hexdigest()
STEP = {"id": "q", "type": "db.query_one", SPEC_REFERENCE: DIGEST}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path


def test_a_kept_spec_is_read_back(runs: Path) -> None:
    keep_specs(open_store(runs), {DIGEST: TEXT})
    assert (runs / "specs" / f"{DIGEST}.json").read_text("utf-8") == TEXT
    assert read_spec(open_store(runs), STEP) == json.loads(TEXT)


def test_a_spec_that_is_not_there_is_named_with_the_way_out(runs: Path) -> None:
    with pytest.raises(RunError) as caught:
        read_spec(open_store(runs), STEP)
    assert (caught.value.code, caught.value.place.step) == ("R111", "q")
    assert f"specs/{DIGEST}.json is not there" in caught.value.message
    assert "portl build" in caught.value.hint


def test_a_spec_that_was_changed_is_refused_and_mended_by_the_next_run(runs: Path) -> None:
    keep_specs(open_store(runs), {DIGEST: TEXT})
    (runs / "specs" / f"{DIGEST}.json").write_text(TEXT.replace("1", "2"), "utf-8")
    with pytest.raises(RunError) as caught:
        read_spec(open_store(runs), STEP)
    assert caught.value.code == "R112"
    keep_specs(open_store(runs), {DIGEST: TEXT})
    assert read_spec(open_store(runs), STEP) == json.loads(TEXT)


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", DIGEST[:-1], DIGEST.upper()])
def test_a_name_that_is_no_hash_leads_nowhere(runs: Path, digest: str) -> None:
    with pytest.raises(RunError) as caught:
        read_spec(open_store(runs), {**STEP, SPEC_REFERENCE: digest})
    assert caught.value.code == "R111"
