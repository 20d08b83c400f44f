"""What the three hosts have in common, the one without processes too."""

from __future__ import annotations

import json
import sys

import pytest

from portl_cli.engine import Hook, InlineHost, IsolateHost, Succeeded, WorkerHost

linux = pytest.mark.skipif(sys.platform != "linux", reason="AWS's runtime client runs on Linux only")
EVERY_HOST = pytest.mark.parametrize(
    "kind",
    [
        pytest.param(InlineHost, id="inline"),
        pytest.param(WorkerHost, id="workers"),
        pytest.param(IsolateHost, id="isolate", marks=linux),
    ],
)
NESTED = "def handler(event, context):\n    data = []\n    for _ in range(event - 1): data = [data]\n    return data"


def answer_of(kind, function, payload=None):
    printed = []
    running = kind({"F": function}, on_output=printed.append)
    try:
        answer = running.invoke("F", payload)
    finally:
        running.close()
    return answer, printed


@EVERY_HOST
@pytest.mark.parametrize("depth", [1001, 5000, 100_000])
def test_an_answer_nested_too_deeply_cannot_be_marshalled(kind, function, depth):
    answer, _ = answer_of(kind, function(NESTED), depth)
    assert (answer.error_type, answer.error_message.split(": ")[0]) == ("Runtime.MarshalError", "Unable to marshal response")


@EVERY_HOST
def test_an_answer_may_be_nested_as_deep_as_expressions_can_walk(kind, function):
    answer, _ = answer_of(kind, function(NESTED), 900)
    assert json.dumps(answer.payload) == "[" * 900 + "]" * 900


@EVERY_HOST
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (r"return '\ud800'", 1),
        (r"raise ValueError('\ud800')", 1),
        ("raise GeneratorExit", 1),
        ("raise type('Own', (BaseException,), {})", 1),
        ("raise SystemExit(3)", 3),
    ],
)
def test_what_ends_the_process_of_a_function_is_the_same_answer_on_every_host(kind, function, body, status):
    answer, _ = answer_of(kind, function(f"def handler(event, context): {body}"))
    assert answer.error_type == "Runtime.ExitError"
    assert answer.error_message.endswith(f" Error: Runtime exited with error: exit status {status}")


@EVERY_HOST
def test_why_an_answer_could_not_be_sent_stands_in_what_the_function_printed(kind, function):
    _, printed = answer_of(kind, function(r"def handler(event, context): return '\ud800'"))
    assert "surrogates not allowed" in "\n".join(printed)


PRINTS = """
import os, sys
print("loaded")
def handler(event, context):
    print("one\\ntwo é")
    sys.stderr.write("error\\n")
    sys.stdout.buffer.write(b"bytes\\n")
    sys.stdout.write("no end")
    sys.stdout.flush()
    return sys.stdout.isatty()
"""


@EVERY_HOST
def test_every_line_that_a_function_prints_is_told_and_none_reaches_standard_output(kind, function, capfd):
    answer, printed = answer_of(kind, function(PRINTS))
    assert (answer, sorted(printed)) == (
        Succeeded(payload=False),
        sorted(["loaded", "one", "two é", "error", "bytes", "no end"]),
    )
    assert capfd.readouterr() == ("", "")


def test_what_the_hosts_user_prints_meanwhile_stays_with_standard_output(function, capsys):
    code = """
from engine import hooks
def handler(event, context):
    print("before")
    hooks.LINK.send({"half": "way"})
    print("after")
"""

    def tell(what):
        sys.stdout.write(f"{what}\n")

    running = InlineHost({"F": function(code)}, hooks=[Hook("engine.hooks:install")], on_message=tell, on_output=tell)
    running.invoke("F", None)
    assert capsys.readouterr() == ("before\n{'half': 'way'}\nafter\n", "")
