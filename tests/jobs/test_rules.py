"""Where a rule ends: what stands near a mistake and is none, and the odd forms of what is one."""

import pytest

from portl.jobs._rules.columns import nearly

HEAD = """\
version: 2
job: near
params: {path: {type: string, required: true}, token: {type: string}}
connections:
  shop: {type: postgres, url: "${env:SHOP}"}
  api: {type: http, base_url: "${env:API}"}
steps:
  - {id: read, type: csv.read, path: "{{ params.path }}", columns: [code, name, vat_id]}
"""
OVER = 'batch: {from: "{{ steps.read.rows }}", as: row}'


def codes(parse, steps, head=HEAD):
    return [each.code for each in parse(head + steps)[1]]


NO_SECRETS = [
    '{Authorization: "Bearer ${secret:api/token}"}',
    '{Authorization: "Basic ${env:API_BASIC}"}',
    '{Authorization: "{{ params.token }}"}',
    '{Authorization: ""}',
    "{Accept: application/json, X-Token-Type: bearer}",
]
SECRETS = [
    '{Authorization: "Bearer abc"}',
    '{authorization: "Basic dTpw"}',
    '{X-API-Key: "abc-${env:STAGE}"}',
    "{api_key: abc}",
    "{X-Auth-Token: abc}",
]  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "expected"), [*((each, []) for each in NO_SECRETS), *((each, ["J501"]) for each in SECRETS)]
)
def test_a_header_holds_a_secret_only_where_it_is_written_out(headers, expected, parse):
    assert codes(parse, f"  - {{id: a, type: api.call, path: /x, headers: {headers}}}\n") == expected
    head = HEAD.replace('"${env:API}"}', f'"${{env:API}}", headers: {headers}}}')
    assert codes(parse, "  - {id: a, type: api.call, path: /x}\n", head) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u@h/d", []),
        ("postgresql://u:${secret:pw}@h/d", []),
        ("postgresql://${env:USER}:${env:PW}@h/d", []),
        ("postgresql://u:@h/d", []),
        ("postgresql://h:5432/d?application_name=a@b", []),
        ("postgresql://u:pw@127.0.0.1/d", ["J501"]),
        ("postgresql://u:p${env:X}@h/d", ["J501"]),
        ("postgresql://h/d?user=u&password=pw", ["J501"]),
        ("postgresql://h/d?user=u&password=${secret:pw}", []),
    ],
)
def test_an_address_holds_a_secret_only_where_a_password_is_written_out(url, expected, parse):
    assert codes(parse, "", HEAD.replace("${env:SHOP}", url)) == expected


def test_no_message_holds_the_secret_it_tells_of(parse):
    text = HEAD.replace("${env:SHOP}", "postgresql://u:hunter2@h/d").replace(
        "{type: string}}", "{type: string, default: hunter2}}"
    )
    found = parse(text + "  - {id: a, type: api.call, path: /x, json: {password: hunter2}}\n")[1]
    assert [(each.code, "hunter2" in str(each)) for each in found] == [("J501", False)] * 3


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("cod", "code", True),
        ("codee", "code", True),
        ("cide", "code", True),
        ("ocde", "code", True),
        ("CODE", "code", True),
        ("xcode", "code", True),
        ("co", "code", False),
        ("edoc", "code", False),
        ("cdoe1", "code", False),
        ("price", "code", False),
        ("", "ab", False),
    ],
)
def test_names_are_near_when_one_slip_leads_from_one_to_the_other(one, other, expected):
    assert (nearly(one, other), nearly(other, one)) == (expected, expected)


@pytest.mark.parametrize(("column", "expected"), [("price", []), ("code", []), ("nmae", ["J213"]), ("VAT_ID", ["J213"])])
def test_another_column_may_be_read_unless_it_is_nearly_a_known_one(column, expected, parse):
    assert codes(parse, f'  - {{id: a, type: api.call, path: /x, {OVER}, json: {{v: "{{{{ row.{column} }}}}"}}}}\n') == expected


BRANCHES = f"""\
  - id: kind
    type: conditional
    {OVER}
    if: "{{{{ row.code == 'a' }}}}"
    then:
      - {{id: one, type: api.call, path: /one, save_as: answer}}
    else:
      - {{id: two, type: api.call, path: /two, save_as: answer}}
"""


def test_opposite_branches_may_share_a_name_and_both_are_read_behind_them(parse):
    after = f'  - {{id: a, type: api.call, path: /x, {OVER}, json: {{v: "{{{{ steps.answer[idx].status }}}}"}}}}\n'
    assert codes(parse, BRANCHES + after) == []
    assert codes(parse, BRANCHES + after.replace(".status", ".state")) == ["J203"]


def test_a_step_inside_a_branch_reads_its_own_branch_and_what_stands_before(parse):
    inner = '      - {id: three, type: api.call, path: /x, json: {v: "{{ steps.answer[idx].status }}"}}\n'
    assert codes(parse, BRANCHES + inner) == []
    assert codes(parse, BRANCHES.replace("path: /two, save_as: answer", 'path: "/{{ steps.one[idx].status }}"')) == ["J201"]
    alone = BRANCHES.replace(", save_as: answer", "").replace("path: /two", 'path: "/{{ steps.one[idx].status }}"')
    assert codes(parse, alone) == ["J211"]


@pytest.mark.parametrize(
    ("param", "expected"),
    [
        ("{type: int, default: 3}", []),
        ("{type: float, default: 3}", []),
        ("{type: float, default: 2.5}", []),
        ("{type: bool, default: false}", []),
        ("{type: date, default: 2026-02-28}", []),
        ("{type: list, default: [1]}", []),
        ("{type: object, default: {a: 1}}", []),
        ("{type: int, default: true}", ["J008"]),
        ("{type: int, default: 2.5}", ["J008"]),
        ("{type: bool, default: 'no'}", ["J008"]),
        ("{type: date, default: 2026-02-30}", ["J008"]),
        ("{type: list, default: {a: 1}}", ["J008"]),
        ("{type: object, default: []}", ["J008"]),
        ("{default: 7}", ["J008"]),
        ("{required: true, default: x}", ["J008"]),
    ],
)
def test_a_default_is_of_its_parameters_type(param, expected, parse):
    assert codes(parse, "", HEAD.replace("{type: string}}", f"{param}}}").replace("token", "given")) == expected


@pytest.mark.parametrize(
    "function", ["arn:aws:lambda:eu-central-1:123456789012:function:x", "own.py:enrich", "${env:FUNCTION}"]
)
def test_a_function_elsewhere_is_not_looked_for(function, parse):
    head = HEAD.replace("steps:\n", f'  fn: {{type: lambda, function: "{function}"}}\nsteps:\n')
    assert codes(parse, "  - {id: a, type: lambda.invoke}\n", head) == []
