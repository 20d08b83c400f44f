"""Stage 1: which steps become one state, judged by its data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from portl.jobs import Job
from portl_cli.compile import Branch, Chunks, Decision, Items, Single, Transaction, segments

EACH = '{from: "{{ steps.read.rows }}", as: row}'
READ = f"""
steps:
  - {{id: read, type: csv.read, path: "{{{{ params.path }}}}"}}
  - {{id: enrich, type: lambda.invoke, batch: &each {EACH}, payload: "{{{{ row.code }}}}"}}
"""
UPSERT = '  - {id: put, type: db.upsert, batch: *each, table: t, key: [code], mapping: {code: "{{ row.code }}"}}\n'
LOOK = '  - {id: look, type: db.query_one, batch: *each, sql: "SELECT :id", params: {id: "{{ steps.put[idx].id }}"}}\n'
CALL = '  - {id: call, type: api.call, batch: *each, method: POST, path: /x, json: {id: "{{ steps.put[idx].id }}"}}\n'


def shape(segment: Any) -> Any:
    """The ids of a segment, nested as the segment is."""
    match segment:
        case Single():
            return segment.step.id
        case Items():
            return ("items", segment.expression)
        case Transaction():
            return ["commit", *(step.id for step in segment.steps)]
        case Chunks():
            return (segment.source, segment.concurrency, [shape(unit) for unit in segment.units])
        case Branch() | Decision():
            return (segment.step.id, {name: [shape(part) for part in parts] for name, parts in segment.branches})
    raise AssertionError(segment)


def shapes(job: Job) -> list[Any]:
    return [shape(segment) for segment in segments(job)]


def test_neighbours_over_the_same_records_become_one_map(job: Callable[[str], Job]) -> None:
    found = job(READ + '  - {id: tell, type: api.call, batch: *each, path: "/{{ row.code }}"}\n')
    assert shapes(found) == ["read", ("read", 10, ["enrich", "tell"])]


def test_scope_db_is_one_transaction_over_all_records_with_the_calls_behind_it(job: Callable[[str], Job]) -> None:
    found = job("transaction: {scope: db, connection: db}\n" + READ + UPSERT + CALL + LOOK)
    assert shapes(found) == ["read", ("read", 10, ["enrich"]), ["commit", "put", "look"], ("read", 10, ["call"])]


def test_scope_chunk_commits_inside_the_map_and_calls_behind_the_chunks_commit(job: Callable[[str], Job]) -> None:
    found = job("transaction: {scope: chunk, connection: db}\n" + READ + UPSERT + CALL + LOOK)
    assert shapes(found) == ["read", ("read", 1, ["enrich", ["commit", "put", "look"], "call"])]


def test_external_inline_leaves_a_call_inside_the_transaction(job: Callable[[str], Job]) -> None:
    found = job("transaction: {scope: db, connection: db, external: inline}\n" + READ + UPSERT + CALL + LOOK)
    assert shapes(found)[-1] == ["commit", "put", "call", "look"]


def test_without_a_transaction_steps_whose_order_matters_stay_together_record_by_record(job: Callable[[str], Job]) -> None:
    found = job(READ + UPSERT + LOOK + CALL)
    assert shapes(found) == ["read", ("read", 1, ["enrich", ["commit", "put", "look"], "call"])]


def test_without_a_transaction_steps_on_other_tables_commit_by_themselves(job: Callable[[str], Job]) -> None:
    other = '  - {id: log, type: db.insert, batch: *each, table: u, mapping: {code: "{{ row.code }}"}}\n'
    assert shapes(job(READ + UPSERT + other)) == ["read", ("read", 1, ["enrich", "put", "log"])]


def test_concurrency_that_the_job_writes_is_taken(job: Callable[[str], Job]) -> None:
    found = job(READ.replace("as: row}", "as: row, concurrency: 4}") + UPSERT)
    assert shapes(found) == ["read", ("read", 4, ["enrich", "put"])]


def test_a_list_that_is_no_rows_is_put_into_the_run_first_and_once(job: Callable[[str], Job]) -> None:
    text = """
steps:
  - {id: pull, type: lambda.invoke, payload: 1}
  - {id: one, type: api.call, batch: {from: "{{ steps.pull.records }}"}, path: /a}
  - {id: two, type: lambda.invoke, payload: 1}
  - {id: three, type: api.call, batch: {from: "{{steps.pull.records}}"}, path: /b}
"""
    source = "records_of_one"
    assert shapes(job(text)) == [
        "pull",
        ("items", "{{ steps.pull.records }}"),
        (source, 10, ["one"]),
        "two",
        (source, 10, ["three"]),
    ]


CONDITIONAL = """  - id: choose
    type: conditional
    {batch}
    if: "{{{{ {test} }}}}"
    then:
      - {{id: yes, type: api.call, path: /yes}}
      - {{id: again, type: api.call, path: /again}}
    else:
      - {{id: no, type: api.call, path: /no}}
"""


def test_a_conditional_in_a_batch_marks_its_records(job: Callable[[str], Job]) -> None:
    text = READ + CONDITIONAL.format(batch="batch: *each", test="row.code == 'a'")
    branch = ("choose", {"then": ["yes", "again"], "else": ["no"]})
    assert shapes(job(text)) == ["read", ("read", 10, ["enrich", branch])]


def test_a_conditional_outside_a_batch_is_a_choice(job: Callable[[str], Job]) -> None:
    text = "steps:\n" + CONDITIONAL.format(batch="description_: x", test="params.wanted").replace("    description_: x\n", "")
    assert shapes(job(text)) == [("choose", {"then": ["yes", "again"], "else": ["no"]})]


def test_an_update_with_sql_of_its_own_may_read_any_table_and_keeps_its_order(job: Callable[[str], Job]) -> None:
    own = "  - {id: own, type: db.update, batch: *each, table: u, sql: UPDATE u SET n = (SELECT count(*) FROM t)}\n"
    apart = '  - {id: own, type: db.update, batch: *each, table: u, set: {n: 1}, where: {code: "{{ row.code }}"}}\n'
    assert shapes(job(READ + UPSERT + own)) == ["read", ("read", 1, ["enrich", ["commit", "put", "own"]])]
    assert shapes(job(READ + UPSERT + apart)) == ["read", ("read", 1, ["enrich", "put", "own"])]


CHOICE = """
steps:
  - id: choose
    type: conditional
    if: "{{ params.path == 'a' }}"
"""
ORDER = (
    "      - {{id: {id}, type: db.upsert, table: {id}, key: [a], mapping: {{a: 1}}, "
    "batch: {{from: '{{{{ {source} }}}}', as: row}}}}\n"
)
MAKE = '      - {{id: {id}, type: csv.read, path: "{{{{ params.path }}}}", save_as: read}}\n'


def test_a_batch_in_a_branch_goes_over_the_rows_of_its_own_branch(job: Callable[[str], Job]) -> None:
    branches = [MAKE.format(id=f"{each}_read") + ORDER.format(id=each, source="steps.read.rows") for each in ("one", "two")]
    found = job(f"{CHOICE}    then:\n{branches[0]}    else:\n{branches[1]}")
    assert shapes(found) == [
        ("choose", {"then": ["one_read", ("one_read", 1, ["one"])], "else": ["two_read", ("two_read", 1, ["two"])]})
    ]


def test_a_list_that_a_branch_put_into_the_run_is_put_there_again_for_those_who_did_not_come_that_way(
    job: Callable[[str], Job],
) -> None:
    one, two, three = (ORDER.format(id=each, source="params.path | sort") for each in ("one", "two", "three"))
    found = job(f"{CHOICE}    then:\n{one}{three}    else:\n{two}")
    put = ("items", "{{ params.path | sort }}")
    assert shapes(found) == [
        ("choose", {"then": [put, ("records_of_one", 1, ["one", "three"])], "else": [put, ("records_of_two", 1, ["two"])]})
    ]
