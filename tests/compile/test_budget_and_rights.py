"""Stages 2 and 4 on their data: how large the state can get, and what a machine may invoke."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from compile.test_segments import CALL, READ, UPSERT
from portl.errors import JobError
from portl.jobs import Job
from portl_cli.compile import budget, compile_job, segments, substitution_key

QUERY = "  - {{id: q{number}, type: db.query_one, batch: *each, sql: 'SELECT 1 -- {padding}'}}\n"


def test_the_budget_names_the_largest_step_and_bounds_a_maps_result(job: Callable[[str], Job]) -> None:
    small = job(READ)
    long = job(READ + CALL.replace("steps.put[idx].id", "row.code").replace("/x", "/" + "x" * 5_000))
    bound = budget(long, segments(long))
    assert (bound.step, bound.map_result_bytes) == ("call", 60_000)
    assert bound.payload_bytes > 5_000 + budget(small, segments(small)).payload_bytes // 2


def test_a_task_that_could_pass_64_kib_is_refused_by_name(job: Callable[[str], Job]) -> None:
    steps = "".join(QUERY.format(number=number, padding="x" * 7_000) for number in range(10))
    many = job("transaction: {scope: db, connection: db}\n" + READ + steps)
    with pytest.raises(JobError, match=r'the step "q0\.\.q9" takes 71,'):
        budget(many, segments(many))


def test_a_machine_may_invoke_the_functions_of_its_steps_and_no_others(job: Callable[[str], Job]) -> None:
    found = compile_job(job(READ + UPSERT), lambda _: 900)
    assert found.functions == ("CsvReadFunction", "DbUpsertFunction", "LambdaInvokeFunction")
    assert substitution_key("db_upsert") == "DbUpsertFunctionArn"
