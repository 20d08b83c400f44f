"""Two whole machines in the shape that jobs are compiled to: they run, our check finds nothing, and neither does another's."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from engine.support import raises
from portl_cli.engine import FakeClock, FakeHost, check, execute, load_machine

MACHINES = Path(__file__).parent / "machines"
VALIDATOR = """
const validate = require(process.argv[1] + '/asl-validator');
const {readFileSync} = require('fs');
const found = process.argv.slice(2).map((file) => validate(JSON.parse(readFileSync(file, 'utf8'))));
console.log(JSON.stringify(found.map(({isValid, errorsText}) => isValid ? null : errorsText('; '))));
"""


def definition(name):
    return json.loads((MACHINES / f"{name}.asl.json").read_text())


def started(name, data, functions):
    keys = set(re.findall(r"\$\{(\w+)\}", json.dumps(definition(name))))
    machine = load_machine(definition(name), substitutions={key: key.removesuffix("Arn") for key in keys})
    clock = FakeClock()
    return execute(machine, data, name="r1", host=FakeHost(functions), clock=clock), clock


def verdicts(node_modules, files):
    command = ["node", "-e", VALIDATOR, str(node_modules), *map(str, files)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(result.stdout)


@pytest.mark.node
def test_an_independent_validator_accepts_them(node_modules):
    files = sorted(MACHINES.glob("*.asl.json"))
    assert verdicts(node_modules, files) == [None] * 2


@pytest.mark.node
def test_the_independent_validator_does_refuse_something(node_modules, tmp_path):
    wrong = definition("post_month")
    wrong["States"]["post"]["Next"] = "nowhere"
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    [verdict] = verdicts(node_modules, [tmp_path / "wrong.json"])
    assert "nowhere" in verdict


@pytest.mark.parametrize("name", ["post_month", "print_labels"])
def test_our_check_accepts_them_with_all_their_keys_and_misses_a_key_that_is_not_there(name):
    keys = set(re.findall(r"\$\{(\w+)\}", json.dumps(definition(name))))
    assert check(definition(name), substitution_keys=keys) == []
    assert {finding.code for finding in check(definition(name), substitution_keys=[])} == {"S601"}


def test_labels_are_printed_page_by_page():
    functions = {"ListPages": lambda event: {"pages": 3}, "PrintPage": lambda event: None}
    execution, _ = started("print_labels", {"shipment": 7}, functions)
    assert (execution.status, execution.output) == ("SUCCEEDED", {"pages": 3, "missing": 0})
    assert execution.transitions == 4 + 3


def test_a_page_that_must_wait_waits_and_one_that_fails_is_set_aside():
    waits = iter([True])

    def print_page(event):
        page = event["at"]["page"]
        if page == 1 and next(waits, False):
            raises("RetryAfter", "40")(event)
        if page == 2:
            raises("Permanent", "no ink")(event)

    aside = []
    functions = {"ListPages": lambda event: {"pages": 3}, "PrintPage": print_page, "SetAside": aside.append}
    execution, clock = started("print_labels", {"shipment": 7}, functions)
    assert (execution.error, execution.cause) == ("PagesMissing", "1 pages are missing")
    assert [(event["at"], event["trouble"]["error"]) for event in aside] == [({"page": 2, "at": 1}, "Permanent")]
    assert clock.slept == [40]


def test_a_month_is_posted_when_every_account_is_balanced():
    functions = {
        "ReadMonth": lambda event: {"result": {"name": event["month"], "accounts": ["a", "b"]}},
        "CheckAccount": lambda event: {"balanced": event["account"] != "x"},
        "Post": lambda event: event["verdict"],
        "Tell": lambda event: event["who"],
    }
    execution, _ = started("post_month", {"month": "May"}, functions)
    assert execution.output == {"month": "May", "told": ["auditors", "owners"]}
