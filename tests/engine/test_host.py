from __future__ import annotations

import json
import os
import sys

import pytest

from engine.support import machine, run, task
from portl.errors import SetupError
from portl_cli.engine import Failed, FakeHost, Function, InlineHost, Succeeded


@pytest.fixture
def function(tmp_path):
    def write(code: str, name: str = "F", **fields) -> Function:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "app.py").write_text(code)
        return Function(name=name, code_dir=folder, handler="app.handler", **fields)

    return write


def invoke(function: Function, payload=None):
    return InlineHost({function.name: function}).invoke(function.name, payload)


def test_a_handler_gets_its_event_and_answers(function):
    assert invoke(function("def handler(event, context): return [event, 1]"), {"a": 1}) == Succeeded([{"a": 1}, 1])


def test_many_functions_with_an_app_and_a_neighbour_of_the_same_name_live_together(function):
    functions = {}
    for name in ("One", "Two"):
        functions[name] = function("import neighbour\ndef handler(event, context): return neighbour.NAME", name)
        (functions[name].code_dir / "neighbour.py").write_text(f"NAME = {name!r}")
    host = InlineHost(functions)
    assert [host.invoke(name, None) for name in ("One", "Two", "One")] == [Succeeded("One"), Succeeded("Two"), Succeeded("One")]
    assert "neighbour" not in sys.modules


def test_a_module_is_loaded_once(function):
    host = InlineHost({"F": function("calls = []\ndef handler(event, context): calls.append(1); return len(calls)")})
    assert [host.invoke("F", None) for _ in range(2)] == [Succeeded(1), Succeeded(2)]


def test_the_context_is_lambdas(function):
    code = """
def handler(event, context):
    return [
        context.function_name, context.function_version, context.invoked_function_arn.split(":")[-1],
        context.memory_limit_in_mb, len(context.aws_request_id), 58_000 < context.get_remaining_time_in_millis() <= 60_000,
    ]
"""
    assert invoke(function(code, timeout=60, memory=512)).payload == ["F", "$LATEST", "F", "512", 36, True]


def test_an_exception_becomes_an_error_document_without_the_hosts_own_frames(function):
    answer = invoke(function("class Transient(Exception): pass\ndef handler(event, context):\n    raise Transient('lost')"))
    assert (answer.error_type, answer.error_message) == ("Transient", "lost")
    cause = json.loads(answer.cause())
    assert sorted(cause) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert "raise Transient('lost')" in cause["stackTrace"][-1]
    assert "_host.py" not in answer.cause()


@pytest.mark.parametrize("value", ["float('nan')", "[float('inf')]", "{1, 2}", "object()", "b'x'"])
def test_an_answer_that_is_no_json_is_a_marshal_error(function, value):
    answer = invoke(function(f"def handler(event, context): return {value}"))
    assert answer.error_type == "Runtime.MarshalError"
    assert answer.error_message.startswith("Unable to marshal response: ")


def test_payload_and_answer_make_a_round_trip_through_json(function):
    assert invoke(function("def handler(event, context): return {1: (2, 3)}")) == Succeeded({"1": [2, 3]})
    given = {"list": [1]}
    host = FakeHost({"f": lambda event: event["list"].append(2)})
    host.invoke("f", given)
    assert given == {"list": [1]}


def test_a_handler_that_comes_back_after_its_timeout_has_timed_out(function):
    code = "import time\ndef handler(event, context):\n    time.sleep(0.02)\n    return context.get_remaining_time_in_millis()"
    answer = invoke(function(code, timeout=0.01))
    assert answer.error_type == "Sandbox.Timedout"
    assert answer.error_message.startswith("RequestId: ")
    assert answer.error_message.endswith(" Error: Task timed out after 0.01 seconds")


@pytest.mark.parametrize(
    ("code", "error_type", "message"),
    [
        ("import no_such_module_at_all", "Runtime.ImportModuleError", "Unable to import module 'app': No module named"),
        ("def handler(:", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': "),
        ("x = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("1 / 0", "ZeroDivisionError", "division by zero"),
    ],
)
def test_what_cannot_run_answers_as_lambdas_runtime_does(function, code, error_type, message):
    answer = invoke(function(code))
    assert (answer.error_type, answer.error_message[: len(message)]) == (error_type, message)


@pytest.mark.parametrize(("code", "status"), [("3", 3), ("'why'", 1), ("True", 1)])
def test_a_handler_that_exits_ends_its_environment_as_on_lambda(function, code, status):
    answer = invoke(function(f"def handler(event, context): raise SystemExit({code})"))
    assert answer.error_type == "Runtime.ExitError"
    assert answer.error_message.startswith("RequestId: ")
    assert answer.error_message.endswith(f" Error: Runtime exited with error: exit status {status}")


def test_a_function_without_its_file_cannot_be_imported(tmp_path):
    answer = invoke(Function("F", tmp_path, "app.handler"))
    assert answer == Failed("Runtime.ImportModuleError", "Unable to import module 'app': No module named 'app'")


def test_an_unknown_function_is_not_found():
    assert InlineHost({}).invoke("nobody", None).error_type == "Lambda.ResourceNotFoundException"


def test_ctrl_c_in_a_handler_is_no_error_of_the_function(function):
    with pytest.raises(KeyboardInterrupt):
        invoke(function("def handler(event, context): raise KeyboardInterrupt"))


def test_a_function_finds_its_environment_and_the_runs_own_comes_first(function, monkeypatch):
    monkeypatch.setenv("ENGINE_TEST_SET", "by the run")
    monkeypatch.delenv("ENGINE_TEST_NEW", raising=False)
    code = "import os\ndef handler(event, context): return [os.environ['ENGINE_TEST_SET'], os.environ['ENGINE_TEST_NEW']]"
    environment = {"ENGINE_TEST_SET": "by the template", "ENGINE_TEST_NEW": "by the template"}
    try:
        assert invoke(function(code, environment=environment)).payload == ["by the run", "by the template"]
    finally:
        os.environ.pop("ENGINE_TEST_NEW", None)


def test_two_functions_that_want_different_values_of_one_variable_are_refused(function, monkeypatch):
    monkeypatch.delenv("ENGINE_TEST_TWO", raising=False)
    code = "def handler(event, context): return 1"
    functions = {name: function(code, name, environment={"ENGINE_TEST_TWO": name}) for name in ("A", "B")}
    host = InlineHost(functions)
    try:
        assert host.invoke("A", None) == Succeeded(1)
        with pytest.raises(SetupError, match="A and B want different values of ENGINE_TEST_TWO"):
            host.invoke("B", None)
    finally:
        os.environ.pop("ENGINE_TEST_TWO", None)


def test_a_layer_is_on_the_path_of_its_functions(function, tmp_path):
    layer = tmp_path / "layer" / "python"
    layer.mkdir(parents=True)
    (layer / "engine_test_layer.py").write_text("NAME = 'layer'")
    code = "import engine_test_layer\ndef handler(event, context): return engine_test_layer.NAME"
    try:
        assert invoke(function(code, layers=(layer.parent,))).payload == "layer"
    finally:
        sys.path.remove(str(layer))
        sys.modules.pop("engine_test_layer", None)


def test_a_machine_runs_on_the_inline_host(function):
    host = InlineHost({"F": function("def handler(event, context): return event['n'] + 1")})
    definition = machine({"t": task("F", {"n": "{% $states.input %}"}, Output="{% $states.result.Payload %}")})
    assert run(definition, 1, host=host).output == 2
