"""Step types and shapes of jobs beyond the two flows, run as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flows.support import ROOT, Ended, portl
from portl_cli.embedded import Peer

TABLE = (
    "CREATE TABLE IF NOT EXISTS t (id bigint GENERATED ALWAYS AS IDENTITY, code text UNIQUE, n int, note text, at timestamptz);"
)


@pytest.fixture
def run(tmp_path: Path, postgres_url: str, peer: Peer) -> Any:
    """Runs the steps of a job over a small file, with one table, a database, a peer and a function."""

    def go(steps: str, rows: str = "", head: str = "") -> Ended:
        folder = tmp_path / "p" / "statemachines" / "j"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("functions", "layers", "template.yaml"):
            if not (tmp_path / "p" / name).exists():
                (tmp_path / "p" / name).symlink_to(ROOT / name)
        (folder / "schema.sql").write_text(TABLE, "utf-8")
        (folder / "f.py").write_text(
            "def double(event, _):\n    return {'n': int(event['n']) * 2, 'rows': [{'n': 1}, {'n': 2}]}\n", "utf-8"
        )
        (folder / "rows.csv").write_text(rows, "utf-8")
        (folder / "job.yaml").write_text(
            "version: 2\njob: j\nparams: {path: {type: string}, items: {type: list}}\n"
            'connections:\n  db: {type: postgres, url: "${env:PG_URL}"}\n  api: {type: http, base_url: "${env:NOTIFY_URL}"}\n'
            '  fn: {type: lambda, function: "f.py:double"}\n' + head + "steps:\n" + steps,
            "utf-8",
        )
        arguments = ["run", str(folder), "--init-db", "--param", f"path={folder / 'rows.csv'}", "--time-scale", "0.01"]
        arguments += ["--param", 'items=[{"n": 5}, {"n": 6}]']
        return portl(tmp_path, *arguments, PG_URL=postgres_url, NOTIFY_URL=peer.url)

    return go


FUNCTION = "def double(event, _):\n    return {'n': int(event['n']) * 2, 'rows': [{'n': 1}, {'n': 2}]}\n"
READ = '  - {id: read, type: csv.read, path: "{{ params.path }}"}\n'
EACH = 'batch: {from: "{{ steps.read.rows }}", as: row, size: 2}'
MAPPING = '{code: "{{ row.code }}", n: "{{ row.n }}"}'
PUT = f"  - {{id: put, type: db.upsert, {EACH}, table: t, key: [code], mapping: {MAPPING}"


def test_conflict_skip_keeps_what_is_there_and_still_answers_its_id(run: Any, query: Any, peer: Peer) -> None:
    tell = f'  - {{id: tell, type: api.call, {EACH}, method: POST, path: /x, json: {{id: "{{{{ steps.put[idx].id }}}}"}}}}\n'
    ended = run(READ + PUT + ", conflict: skip}\n" + tell, "code,n\na,1\nb,2\na,3\n")
    assert (ended.code, query("SELECT code, n FROM t ORDER BY code")) == (0, [("a", 1), ("b", 2)]), ended.err
    assert {call["body"]["id"] for call in peer.calls()} == {number for (number,) in query("SELECT id FROM t")}
    assert "2 inserted, 1 unchanged" in ended.out


def test_conflict_fail_names_the_second_record(run: Any, query: Any) -> None:
    ended = run(READ + PUT + ", conflict: fail}\n", "code,n\na,1\na,3\n", "transaction: {scope: db, connection: db}\n")
    assert (ended.code, query("SELECT count(*) FROM t")) == (1, [(0,)])
    assert "put (db.upsert), record 2" in ended.err
    assert "D103" in ended.err


def test_merge_newer_takes_only_what_is_newer(run: Any, query: Any) -> None:
    put = PUT.replace('n: "{{ row.n }}"', 'n: "{{ row.n }}", at: "{{ row.at }}"') + ", conflict: merge_newer, newer_by: at}\n"
    rows = "code,n,at\na,1,2026-01-02T00:00:00Z\na,2,2026-01-01T00:00:00Z\na,3,2026-01-03T00:00:00Z\n"
    ended = run(READ + put, rows)
    assert (ended.code, query("SELECT code, n FROM t")) == (0, [("a", 3)]), ended.err


def test_merge_non_null_keeps_what_a_record_has_no_value_for(run: Any, query: Any) -> None:
    put = PUT.replace('"{{ row.n }}"', '{from: "{{ row.n }}", type: int}') + ", conflict: merge_non_null}\n"
    ended = run(READ + put, "code,n\na,1\na,\n")
    assert (ended.code, query("SELECT code, n FROM t")) == (0, [("a", 1)]), ended.err


def test_a_when_leaves_records_out_and_their_result_is_null(run: Any, query: Any, peer: Peer) -> None:
    tell = (
        f'  - {{id: tell, type: api.call, {EACH}, method: POST, path: /x, json: {{put: "{{{{ steps.put[idx] is none }}}}"}}}}\n'
    )
    ended = run(READ + PUT + ", when: \"{{ row.n != '2' }}\"}\n" + tell, "code,n\na,1\nb,2\nc,3\n")
    assert (ended.code, query("SELECT code FROM t ORDER BY code")) == (0, [("a",), ("c",)]), ended.err
    assert sorted(call["body"]["put"] for call in peer.calls()) == [False, False, True]


def test_a_conditional_in_a_batch_sends_each_record_one_way_and_branches_share_a_name(run: Any, peer: Peer) -> None:
    steps = f"""  - id: choose
    type: conditional
    {EACH}
    if: "{{{{ row.n | int > 1 }}}}"
    then:
      - id: nested
        type: conditional
        if: "{{{{ row.code == 'c' }}}}"
        then: [{{id: big_c, type: lambda.invoke, payload: {{n: "{{{{ row.n }}}}"}}, save_as: made}}]
        else: [{{id: big, type: lambda.invoke, payload: {{n: 50}}, save_as: made}}]
    else:
      - {{id: small, type: lambda.invoke, payload: {{n: 0}}, save_as: made}}
  - id: tell
    type: api.call
    {EACH}
    method: POST
    path: /x
    json: {{code: "{{{{ row.code }}}}", n: "{{{{ steps.made[idx].n }}}}"}}
"""
    ended = run(READ + steps, "code,n\na,1\nb,2\nc,3\n")
    assert ended.code == 0, ended.err
    assert sorted((call["body"]["code"], call["body"]["n"]) for call in peer.calls()) == [("a", 0), ("b", 100), ("c", 6)]


def test_a_batch_goes_over_a_parameter_or_a_functions_answer(run: Any, peer: Peer) -> None:
    steps = """  - {id: pull, type: lambda.invoke, payload: {n: 1}}
  - {id: a, type: api.call, batch: {from: "{{ params.items }}", as: it}, method: POST, path: /a, json: {n: "{{ it.n }}"}}
  - {id: b, type: api.call, batch: {from: "{{ steps.pull.rows }}", as: it}, method: POST, path: /b, json: {n: "{{ it.n }}"}}
"""
    ended = run(steps)
    assert ended.code == 0, ended.err
    assert sorted((call["path"], call["body"]["n"]) for call in peer.calls()) == [("/a", 5), ("/a", 6), ("/b", 1), ("/b", 2)]


def test_the_rows_of_a_query_can_be_batched_over(run: Any, query: Any) -> None:
    steps = """  - {id: open, type: db.query_many, sql: "SELECT code, n FROM t WHERE n > :n ORDER BY n", params: {n: 1}}
  - {id: more, type: lambda.invoke, batch: {from: "{{ steps.open.rows }}", as: it}, payload: {n: "{{ it.n }}"}}
  - id: keep
    type: db.update
    batch: {from: "{{ steps.open.rows }}", as: it}
    table: t
    set: {note: "{{ steps.more[idx].n }}"}
    where: {code: "{{ it.code }}"}
"""
    assert run(READ + PUT + "}\n", "code,n\na,1\nb,2\nc,3\n").code == 0
    ended = run(steps)
    assert (ended.code, query("SELECT code, note FROM t ORDER BY code")) == (0, [("a", None), ("b", "4"), ("c", "6")]), (
        ended.err
    )


def test_a_call_is_tried_again_as_often_as_its_step_says_and_with_one_key(run: Any, peer: Peer) -> None:
    import httpx

    httpx.post(f"{peer.url}/_script", json={"status": 503, "times": 2})
    ended = run("  - {id: tell, type: api.call, method: POST, path: /x, retry: {max_attempts: 3, backoff_ms: 1}}\n")
    calls = peer.calls()
    assert (ended.code, [call["status"] for call in calls]) == (0, [503, 503, 200]), ended.err
    assert len({call["headers"]["idempotency-key"] for call in calls}) == 1


def test_a_call_that_is_refused_for_good_says_what_was_sent_and_answered(run: Any, peer: Peer) -> None:
    import httpx

    httpx.post(f"{peer.url}/_script", json={"status": 422})
    ended = run("  - {id: tell, type: api.call, method: POST, path: /x}\n")
    assert ended.code == 1
    assert "H101 POST" in ended.err
    assert "/x answered 422" in ended.err


def test_types_of_a_csv_are_read_or_refused_with_line_and_column(run: Any, peer: Peer) -> None:
    read = '  - {id: read, type: csv.read, path: "{{ params.path }}", types: {n: int}}\n'
    tell = f'  - {{id: tell, type: api.call, {EACH}, method: POST, path: /x, json: {{n: "{{{{ row.n }}}}"}}}}\n'
    assert run(read + tell, "code,n\na,1\nb,\n").code == 0
    assert sorted(json.dumps(call["body"]["n"]) for call in peer.calls()) == ["1", "null"]
    ended = run(read + tell, "code,n\na,1\nb,x\n")
    assert (ended.code, "C115 n cannot be int: 'x'" in ended.err, "line 3, column n" in ended.err) == (1, True, True), ended.err


def test_a_missing_reference_names_the_record_and_what_is_meant(run: Any) -> None:
    tell = f'  - {{id: tell, type: api.call, {EACH}, method: POST, path: "/{{{{ row.cod }}}}"}}\n'
    ended = run(READ + tell, "code,n\na,1\n")
    told = [part for part in ("tell (api.call), record 1", "line 2", "T110", "did you mean `code`?") if part not in ended.err]
    assert (ended.code, told) == (1, []), ended.err


def test_a_table_that_is_not_there_or_a_column_nobody_fills_is_found_before_anything_is_written(run: Any, query: Any) -> None:
    other = run(READ + PUT.replace("table: t", "table: nowhere") + "}\n", "code,n\na,1\n")
    assert (other.code, "D105 there is no table nowhere" in other.err) == (1, True), other.err
    query("ALTER TABLE t ADD COLUMN must text NOT NULL")
    absent = run(READ + PUT + "}\n", "code,n\na,1\n")
    assert (absent.code, "M104 must of t is NOT NULL" in absent.err) == (1, True), absent.err


def test_external_inline_calls_while_the_transaction_is_open(run: Any, query: Any) -> None:
    more = f'  - {{id: more, type: lambda.invoke, {EACH}, payload: {{n: "{{{{ row.n }}}}"}}}}\n'
    change = 'set: {note: "{{ steps.more[idx].n }}"}, where: {id: "{{ steps.put[idx].id }}"}'
    keep = f"  - {{id: keep, type: db.update, {EACH}, table: t, {change}}}\n"
    steps = READ + PUT + "}\n" + more + keep
    refused = run(steps, "code,n\na,1\n", "transaction: {scope: db, connection: db}\n")
    assert (refused.code, "J302" in refused.err) == (2, True)
    ended = run(steps, "code,n\na,1\nb,2\nc,3\n", "transaction: {scope: db, connection: db, external: inline}\n")
    assert (ended.code, query("SELECT code, note FROM t ORDER BY code")) == (0, [("a", "2"), ("b", "4"), ("c", "6")]), ended.err


def test_branches_on_one_table_keep_the_files_order(run: Any, query: Any) -> None:
    mapping = '{{code: "{{{{ row.code }}}}", note: "{0} {{{{ idx }}}}"}}'
    branch = f"[{{{{id: {{0}}, type: db.upsert, table: t, key: [code], mapping: {mapping}}}}}]"
    steps = f"""  - id: choose
    type: conditional
    batch: {{from: "{{{{ steps.read.rows }}}}", as: row}}
    if: "{{{{ row.n == '1' }}}}"
    then: {branch.format("yes")}
    else: {branch.format("no")}
"""
    ended = run(READ + steps, "code,n\na,2\na,1\na,2\na,1\n")
    assert (ended.code, query("SELECT code, note FROM t")) == (0, [("a", "yes 3")]), ended.err


def test_a_call_between_database_steps_on_one_table_is_refused_unless_chunks_hold_one_record(run: Any, query: Any) -> None:
    look = '  - {id: look, type: db.query_one, %s, sql: "SELECT count(*) AS c FROM t WHERE note = :n", params: {n: x}}\n'
    call = '  - {id: call, type: lambda.invoke, %s, payload: {n: "{{ steps.look[idx].c }}"}}\n'
    put = '  - {id: put, type: db.insert, %s, table: t, mapping: {n: "{{ steps.call[idx].n }}", note: x}}\n'
    refused = run(READ + (look + call + put) % ((EACH,) * 3), "code\na\nb\nc\n")
    assert (refused.code, "J306" in refused.err) == (2, True), refused.err
    single = EACH.replace("size: 2", "size: 1")
    ended = run(READ + (look + call + put) % ((single,) * 3), "code\na\nb\nc\n")
    assert (ended.code, query("SELECT n FROM t ORDER BY id")) == (0, [(0,), (2,), (4,)]), ended.err


def test_rows_of_a_query_inside_the_transaction_can_be_batched_over_inside_it(run: Any, query: Any) -> None:
    steps = """  - {id: open, type: db.query_many, sql: "SELECT code FROM t"}
  - id: keep
    type: db.update
    batch: {from: "{{ steps.open.rows }}", as: it}
    table: t
    set: {note: "{{ it.code }}!"}
    where: {code: "{{ it.code }}"}
"""
    ended = run(READ + PUT + "}\n" + steps, "code,n\na,1\nb,2\n", "transaction: {scope: db, connection: db}\n")
    assert (ended.code, query("SELECT note FROM t ORDER BY code")) == (0, [("a!",), ("b!",)]), ended.err


def test_a_statement_that_would_end_the_transaction_is_refused(run: Any, query: Any) -> None:
    stop = f'  - {{id: stop, type: db.query_one, {EACH}, sql: "/* x */ commit"}}\n'
    refused = run(READ + PUT + "}\n" + stop, "code,n\na,1\n", "transaction: {scope: db, connection: db}\n")
    assert (refused.code, "J304 COMMIT is not for a step" in refused.err) == (2, True), refused.err


@pytest.mark.parametrize("when", ["{{ row.f }}", "{{ row.code }}"])
def test_a_condition_that_is_text_is_refused_not_taken_for_true(run: Any, query: Any, when: str) -> None:
    ended = run(READ + PUT + f', when: "{when}"}}\n', "code,n,f\na,1,false\n")
    assert (ended.code, "T108" in ended.err, query("SELECT count(*) FROM t")) == (1, True, [(0,)]), ended.err


def test_a_condition_without_braces_is_found_by_the_check(run: Any) -> None:
    ended = run(READ + PUT + ", when: \"row.f == 'x'\"}\n", "code,n,f\na,1,x\n")
    assert (ended.code, "J004 when is exactly one {{ expression }}" in ended.err) == (2, True), ended.err


def test_a_password_is_not_shown_even_where_the_address_is_none(tmp_path: Path) -> None:
    job = str(ROOT / "statemachines" / "resource_sync")
    for password in ("Sekr3t℀Part", "Sekr3t[Part"):
        url = f"postgresql://u:{password}@127.0.0.1:1/db"
        ended = portl(tmp_path, "run", job, "--init-db", "--param", "path=x", PG_URL=url, NOTIFY_URL="http://127.0.0.1:1")
        assert (ended.code, "D101" in ended.err, "Sekr3t" in ended.err, "Traceback" in ended.err) == (3, True, False, False)
