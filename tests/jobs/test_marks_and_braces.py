"""What looks like a mark or an expression and is text of the job's own is left alone."""

import pytest

JOB = """\
version: 2
job: orders
connections:
  shop: {type: postgres, url: "${env:SHOP_URL}"}
  crm: {type: http, base_url: "https://${env:HOST}/${secret:a/b}"}
steps:
  - {id: read, type: csv.read, path: orders.csv}
  - {id: find, type: db.query_one, sql: "SELECT '${evn:X} ${env:X}' AS a"}
  - id: tell
    type: api.call
    batch: {from: "{{ steps.read.rows }}", as: order}
    method: POST
    path: /orders
    headers: {X-Price: "$5", X-Shell: "$HOME {}"}
    body: 'TEXT'
"""


@pytest.mark.parametrize(
    "text",
    [
        '{"a": {"b": 1}}',
        '{"a": {"run": 1}}',
        '{"a": {"b": "row.code"}}',
        '{"a": {"b": "{{ order.code }}"}}',
        "{{ order.code }} and {{ order.name }}",
        "row.code }}",
        "${x} ${evn:X} $5",
        "a brow.code }}",
    ],
)
def test_text_of_the_jobs_own_is_left_alone(parse, text):
    assert parse(JOB.replace("TEXT", text).encode(), "job.yaml")[1] == []


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("order.code }}", 12),
        ("the { order.code | upper }}", 16),
        ("{{ order.a }}-{ steps.read.rows[0].code }}", 26),
        ("{now}}", 12),
        ("x {{ order.a }} run.id}}", 28),
    ],
)
def test_a_missing_brace_is_told_at_its_place(parse, text, column):
    found = parse(JOB.replace("TEXT", text).encode(), "job.yaml")[1]
    assert [(each.line, each.column, each.code, each.level) for each in found] == [(15, column, "J103", "warning")]


@pytest.mark.parametrize(
    "mark", ["${evn:SHOP_URL}", "${envv:X}", "${env:}", "${env: X}", "${secret:}", "${ENV:X}", "${X}", "${env:X"]
)
def test_a_misspelt_mark_of_a_connection_is_one_error(parse, mark):
    found = parse(JOB.replace("${env:SHOP_URL}", mark).encode(), "job.yaml")[1]
    assert [(each.line, each.column, each.code, each.level) for each in found] == [(4, 32, "J502", "error")]


def test_a_misspelt_mark_of_a_secret_header_is_no_plain_secret_besides(parse):
    found = parse(JOB.replace('X-Price: "$5"', 'Authorization: "Bearer ${secrt:a}"').encode(), "job.yaml")[1]
    assert [(each.code, each.hint) for each in found] == [("J502", 'did you mean "${secret:a}"?')]
