"""Lambda functions: what a connection may name, what it sends, and what a failure means."""

import pytest

from portl.connections import Connections, FakeInvoker, LambdaSpec, Target, failed, parse_target, use_invoker
from portl.connections._functions import MOST_BYTES, LambdaConnection
from portl.errors import FunctionError

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:score"


@pytest.fixture
def fake():
    def throttled(payload):
        raise FunctionError("busy", code="L102", outcome="Throttled")

    invoker = FakeInvoker({"score": lambda payload: {"seen": payload}, "busy": throttled})
    use_invoker(invoker)
    yield invoker
    use_invoker(None)


def connection(function="score"):
    return LambdaConnection("scores", LambdaSpec(type="lambda", function=function))


def raised(call):
    with pytest.raises(FunctionError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("score", Target("folder", "score")),
        ("score-v2_x", Target("folder", "score-v2_x")),
        (ARN, Target("arn", ARN)),
        (f"{ARN}:live", Target("arn", f"{ARN}:live")),
        (f"{ARN}:$LATEST", Target("arn", f"{ARN}:$LATEST")),
        (ARN.replace("aws", "aws-us-gov", 1), Target("arn", ARN.replace("aws", "aws-us-gov", 1))),
        ("lib/score.py:handler", Target("file", "lib/score.py:handler")),
    ],
)
def test_a_function_is_a_folder_an_arn_or_a_file(text, target):
    assert parse_target(text) == target


@pytest.mark.parametrize("text", ["", "2nd", "a b", "../score", "score.py", "score.py:1x", "a.js:f", "arn:aws:s3:::bucket"])
def test_what_names_no_function_is_refused(text):
    problem = raised(lambda: parse_target(text))
    assert (problem.code, problem.outcome, problem.message, problem.hint) == (
        "L107",
        "Permanent",
        f"{text!r} names no function",
        "a folder of functions/, an ARN, or file.py:function",
    )


def test_a_function_answers_its_json_and_an_event_answers_null(fake):
    payload = {"é": [1, None, 2.5]}
    assert connection().invoke(payload) == {"seen": payload}
    assert connection().invoke(payload, invocation="event") is None
    assert fake.calls == [("score", payload), ("score", payload)]


def test_a_connection_by_name_calls_its_function(fake):
    with Connections({"scores": {"type": "lambda", "function": "score"}}) as connections:
        assert connections.get("scores").invoke(1) == {"seen": 1}
        assert connections.get("scores") is connections.get("scores")


def test_an_unknown_function_is_l103_and_a_failure_comes_through_as_it_is(fake):
    unknown, busy = raised(lambda: connection("none").invoke(1)), raised(lambda: connection("busy").invoke(2))
    assert [(problem.code, problem.outcome, problem.message) for problem in (unknown, busy)] == [
        ("L103", "Permanent", "there is no function none"),
        ("L102", "Throttled", "busy"),
    ]


@pytest.mark.parametrize(("invocation", "most"), [("request", MOST_BYTES[False]), ("event", MOST_BYTES[True])])
def test_a_payload_may_be_as_large_as_lambda_takes_and_no_byte_larger(fake, invocation, most):
    text = "x" * (most - 2)  # two quotes of JSON make it full
    connection().invoke(text, invocation=invocation)
    problem = raised(lambda: connection().invoke(text + "x", invocation=invocation))
    assert (problem.code, problem.outcome, problem.message, problem.hint, problem.detail) == (
        "L104",
        "Permanent",
        f"the payload has {most + 1:,} bytes",
        "send less, or a reference to it",
        {"function": "score"},
    )
    assert [len(payload) for _, payload in fake.calls] == [len(text)]


@pytest.mark.parametrize(("invocation", "most"), [("request", MOST_BYTES[False]), ("event", MOST_BYTES[True])])
def test_a_payload_is_measured_in_bytes_and_not_in_characters(fake, invocation, most):
    full = "é" * (most // 2 - 1)
    connection().invoke(full, invocation=invocation)
    assert raised(lambda: connection().invoke(full + "x", invocation=invocation)).code == "L104"
    assert len(fake.calls) == 1


@pytest.mark.parametrize(
    ("error_type", "code", "outcome"),
    [
        ("Transient", "L101", "Transient"),
        ("Throttled", "L101", "Throttled"),
        ("Conflict", "L101", "Conflict"),
        ("Permanent", "L101", "Permanent"),
        ("RetryAfter", "L101", "Permanent"),
        ("ValueError", "L101", "Permanent"),
        ("Sandbox.Timedout", "L105", "Transient"),
        ("Lambda.Unknown", "L105", "Transient"),
        ("Runtime.ExitError", "L105", "Transient"),
    ],
)
def test_the_type_of_an_error_document_says_the_outcome(error_type, code, outcome):
    problem = failed(Target("folder", "score"), error_type, "no such row")
    assert (problem.code, problem.outcome, problem.message, problem.hint, problem.detail) == (
        code,
        outcome,
        f"score failed with {error_type}: no such row",
        "raise its timeout or memory, or give it less to do" if code == "L105" else "mend the function, or what it is given",
        {"function": "score", "error_type": error_type, "error_message": "no such row"},
    )


def test_the_end_of_a_functions_stack_is_kept():
    stack = [f'  File "app.py", line {at}, in f\n' for at in range(30)]
    problem = failed(Target("folder", "score"), "ValueError", "no", stack)
    assert problem.detail["stack"] == [f'  File "app.py", line {at}, in f' for at in range(10, 30)]


def test_on_aws_a_file_is_no_function():
    use_invoker(None)
    problem = raised(lambda: connection("lib/score.py:handler").invoke(1))
    use_invoker(None)
    assert (problem.code, problem.message, problem.hint) == (
        "L107",
        "lib/score.py:handler is local only",
        "make it a folder of functions/",
    )
