"""What functions may do because of what jobs name: each exactly its own, and nothing that no Task of it names."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import yaml

from bundle.documents import listed, statements
from portl.connections import CONNECTION_TYPES
from portl.jobs import parse_job
from portl.steps import STEP_TYPES
from portl_cli.bundle import BEGIN, END
from portl_cli.commands._deployment import with_block
from portl_cli.compile import Compiled, Place, Rights, compile_job, rights
from portl_cli.engine.template import _Loader

HEAD = """\
version: 2
job: moves
params: {path: {type: string}}
connections:
  lake: {type: s3, bucket: lake-raw, prefix: landing}
  out: {type: s3, bucket: lake-out}
  other: {type: s3, bucket: elsewhere, endpoint: "https://s3.example", access_key_id: a, secret_access_key: "${secret:minio}"}
  told: {type: s3, bucket: "${env:LAKE}"}
  db: {type: postgres, url: "${env:PG_URL}"}
  api: {type: http, base_url: "https://api.example.org", headers: {Authorization: "Bearer ${secret:api/token}"}}
  fn: {type: lambda, function: enrich}
  far: {type: lambda, function: "arn:aws:lambda:eu-west-1:123456789012:function:priced:live"}
"""
READ = '  - {id: read, type: csv.read, path: "lake:in/*.csv"}\n'
EACH = 'batch: {from: "{{ steps.read.rows }}", as: row}'


def job(*steps: str, head: str = HEAD) -> Compiled:
    found, findings = parse_job((head + "steps:\n" + "".join(steps)).encode(), "job.yaml", STEP_TYPES, CONNECTION_TYPES)
    assert found is not None, findings
    return compile_job(found, lambda _: 900)


def test_a_step_that_decides_needs_nothing_of_what_its_branches_do() -> None:
    only = job(
        '  - {id: c, type: conditional, if: "{{ 1 == 1 }}", then: [{id: d, type: api.call, connection: api, path: /x}]}\n'
    )
    assert rights([only]) == {"ApiCallFunction": Rights(secrets={"api/token"})}


def test_a_function_gets_the_secrets_and_variables_of_its_own_connections_only() -> None:
    write = f"  - {{id: put, type: db.insert, connection: db, {EACH}, table: t, mapping: {{a: '{{{{ row.a }}}}'}}}}\n"
    call = f"  - {{id: call, type: api.call, connection: api, {EACH}, path: /x}}\n"
    found = rights([job(READ, write, call)])
    assert {name: (own.parameters, own.secrets) for name, own in found.items()} == {
        "CsvReadFunction": (set(), set()),
        "DbInsertFunction": ({"PG_URL"}, set()),
        "ApiCallFunction": (set(), {"api/token"}),
    }


def test_whoever_goes_over_rows_reads_the_store_that_they_may_have_stayed_in() -> None:
    call = f"  - {{id: call, type: api.call, connection: api, {EACH}, path: '/{{{{ row.a }}}}'}}\n"
    found = rights([job(READ, call)])
    assert {name: (own.reads, own.writes) for name, own in found.items()} == dict.fromkeys(
        ("CsvReadFunction", "ApiCallFunction"), ({Place("lake-raw", "landing/")}, set())
    )


@pytest.mark.parametrize(
    ("step", "function", "reads", "writes"),
    [
        ('type: store.copy, from: "lake:a", to: "out:a"', "StoreCopyFunction", {"lake-raw", "lake-out"}, {"lake-out"}),
        (
            'type: store.move, from: "lake:a", to: "out:a"',
            "StoreMoveFunction",
            {"lake-raw", "lake-out"},
            {"lake-raw", "lake-out"},
        ),
        ('type: store.delete, path: "lake:a"', "StoreDeleteFunction", {"lake-raw"}, {"lake-raw"}),
        ('type: store.exists, path: "lake:a"', "StoreExistsFunction", {"lake-raw"}, set()),
        ('type: store.sign, path: "out:a", method: PUT', "StoreSignFunction", {"lake-out"}, {"lake-out"}),
        ('type: store.copy, from: "lake:a", to: "{{ params.path }}"', "StoreCopyFunction", {"lake-raw", "lake-out"}, None),
    ],
)
def test_a_step_may_write_where_it_writes_only(step: str, function: str, reads: set[str], writes: set[str] | None) -> None:
    found = rights([job(f"  - {{id: s, {step}}}\n")])[function]
    assert {place.bucket for place in found.reads} == reads
    assert {place.bucket for place in found.writes} == (reads if writes is None else writes)


def test_the_address_of_a_bucket_is_a_right_to_what_it_says_before_its_first_pattern() -> None:
    found = rights([job('  - {id: s, type: store.list, path: "s3://archive-9/in/2026-*.csv"}\n')])
    assert found == {"StoreListFunction": Rights(reads={Place("archive-9", "in/2026-")})}


def test_a_bucket_that_only_the_run_can_tell_is_no_right() -> None:
    found = rights([job('  - {id: s, type: store.list, path: "s3://{{ params.path }}/in/*.csv"}\n')])
    assert found == {}


def test_a_store_with_keys_of_its_own_needs_its_secret_and_no_right_to_a_bucket() -> None:
    found = rights([job('  - {id: s, type: store.list, path: "other:*.csv"}\n')])
    assert found == {"StoreListFunction": Rights(secrets={"minio"})}


def test_a_bucket_that_a_variable_names_is_told_of_in_the_template() -> None:
    compiled = job('  - {id: s, type: store.list, path: "told:*.csv"}\n')
    assert rights([compiled]) == {"StoreListFunction": Rights(parameters={"LAKE"}, unnamed={("told", "${env:LAKE}")})}
    assert "# store told: name its bucket ${env:LAKE} in ReadBuckets or WriteBuckets\n" in with_block(BEGIN + END, [compiled])


def test_rights_of_several_jobs_add_up() -> None:
    one, other = (job(f"  - {{id: s, type: lambda.invoke, connection: {name}, payload: {{}}}}\n") for name in ("fn", "far"))
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:priced:live"
    assert rights([one, other]) == {"LambdaInvokeFunction": Rights(functions={"enrich", arn})}


def test_a_packaged_spec_counts_as_if_it_stood_in_the_machine() -> None:
    headers = f'headers: {{X-Key: "${{secret:long}}", X-Pad: "{"x" * 9_000}"}}'
    compiled = job(f"  - {{id: call, type: api.call, connection: api, path: /x, {headers}}}\n")
    assert len(compiled.specs) == 1
    assert rights([compiled])["ApiCallFunction"].secrets == {"api/token", "long"}


def test_the_drain_may_open_what_a_job_with_an_outbox_names() -> None:
    step = "  - {id: q, type: outbox.enqueue, connection: db, destination: api, request: {method: POST, path: /x}}\n"
    found = rights([job(step)])
    assert found["OutboxDrainFunction"].parameters >= {"PG_URL"}
    assert found["OutboxDrainFunction"].secrets >= {"api/token"}


def block(compiled: Compiled) -> dict[str, list[tuple[str, str]]]:
    """What the block of a job allows, by resource: action and resource."""
    document = {"Resources": yaml.load(with_block(BEGIN + END, [compiled]), Loader=_Loader)}  # noqa: S506 - a SafeLoader
    found: dict[str, list[tuple[str, str]]] = {}
    for name, statement in statements(document):
        found.setdefault(name, []).extend(
            (action, str(next(iter(resource.values()))) if isinstance(resource, dict) else resource)
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
        )
    return found


def has(allowed: Iterable[tuple[str, str]], action: str) -> list[str]:
    return [resource for each, resource in allowed if each == action]


def test_the_block_names_secrets_variables_functions_and_objects_by_themselves() -> None:
    steps = (
        '  - {id: s, type: store.copy, from: "lake:a", to: "out:a"}\n',
        "  - {id: f, type: lambda.invoke, connection: fn, payload: {}}\n",
        "  - {id: g, type: lambda.invoke, connection: far, payload: {}}\n",
        "  - {id: c, type: api.call, connection: api, path: /x}\n",
    )
    found = block(job(*steps))
    here = "${AWS::Region}:${AWS::AccountId}"
    assert has(found["ApiCallFunctionRights"], "secretsmanager:GetSecretValue") == [
        f"arn:${{AWS::Partition}}:secretsmanager:{here}:secret:${{AWS::StackName}}/api/token-??????"
    ]
    assert has(found["LambdaInvokeFunctionRights"], "lambda:InvokeFunction") == [
        "arn:aws:lambda:eu-west-1:123456789012:function:priced:live",
        f"arn:${{AWS::Partition}}:lambda:{here}:function:${{AWS::StackName}}-enrich",
    ]
    copies = found["StoreCopyFunctionRights"]
    out, lake = (f"arn:${{AWS::Partition}}:s3:::{place}" for place in ("lake-out", "lake-raw"))
    assert has(copies, "s3:GetObject") == [f"{out}/*", f"{lake}/landing/*"]
    assert has(copies, "s3:PutObject") == [f"{out}/*"]
    assert has(copies, "s3:ListBucket") == [out, lake]


def test_a_job_reads_what_starts_it_also_from_a_bucket_that_only_a_deployment_knows() -> None:
    dropped = "{id: dropped, type: s3, bucket: '${env:DROPS}', prefix: in/, params: {path: '{{ event.uri }}'}}"
    given = "version: 2\njob: drops\nparams: {path: {type: string}}\nconnections: {}\ntriggers:\n  - " + dropped + "\n"
    found = rights([job('  - {id: read, type: csv.read, path: "{{ params.path }}"}\n', head=given)])
    place = Place("{{resolve:ssm:/${AWS::StackName}/env/DROPS}}", "in/")
    assert found == {"CsvReadFunction": Rights(reads={place})}
