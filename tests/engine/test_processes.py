"""What every host promises whose functions run in processes: worker processes, and AWS's own runtime client."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engine.support import machine, processor, run, task
from portl.errors import SetupError
from portl_cli.engine import Failed, Hook, InlineHost, IsolateHost, Limits, Succeeded, WorkerHost
from portl_cli.engine._processes.isolated import demand_client

WAIT_S = 30
linux = pytest.mark.skipif(sys.platform != "linux", reason="AWS's runtime client runs on Linux only")
HOSTS = [pytest.param(WorkerHost, id="workers"), pytest.param(IsolateHost, id="isolate", marks=linux)]


@pytest.fixture(params=HOSTS)
def host(request):
    """Starts a host for some functions; it is closed when the test ends. ``host.printed`` is what functions printed."""
    started = []

    def start(*functions, **options):
        printed = []
        one = request.param({each.name: each for each in functions}, **{"slots": 2, "on_output": printed.append, **options})
        one.printed = printed
        started.append(one)
        return one

    yield start
    for one in started:
        one.close()


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has buried yet has, too."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout.strip()
    return not shown or shown.startswith("Z")


def until(condition):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


ECHO = "def handler(event, context): return event"
PID = "import os\ndef handler(event, context): return os.getpid()"


@pytest.mark.parametrize("payload", [None, 0, "é ü \u2028", [1, 2.5], {"a": {"b": [True, None]}}, "x" * 300_000])
def test_payload_and_answer_arrive_as_they_are(host, function, payload):
    assert host(function(ECHO)).invoke("F", payload) == Succeeded(payload)


def test_a_function_runs_in_a_process_of_its_own_that_is_used_again(host, function):
    running = host(function(PID), function(PID, "G"))
    first, again, other = (running.invoke(name, None).payload for name in ("F", "F", "G"))
    assert (first == again, first == other, os.getpid() in (first, other)) == (True, False, False)


def test_two_invocations_at_once_have_a_process_each(host, function, tmp_path):
    code = """
import os, pathlib, time
def handler(event, context):
    pathlib.Path(event["mine"]).touch()
    while not pathlib.Path(event["other"]).exists():
        time.sleep(0.01)
    return os.getpid()
"""
    running, one, two = host(function(code)), str(tmp_path / "one"), str(tmp_path / "two")
    answers = []
    other = threading.Thread(target=lambda: answers.append(running.invoke("F", {"mine": two, "other": one})))
    other.start()
    answers.append(running.invoke("F", {"mine": one, "other": two}))
    other.join(WAIT_S)
    assert len({answer.payload for answer in answers}) == 2


def test_the_context_is_lambdas(host, function):
    code = """
def handler(event, context):
    return [
        context.function_name, context.function_version, context.invoked_function_arn.split(":")[-1],
        context.memory_limit_in_mb, len(context.aws_request_id), 58_000 < context.get_remaining_time_in_millis() <= 60_000,
    ]
"""
    answer = host(function(code, timeout=60, memory=512)).invoke("F", None)
    assert answer == Succeeded(["F", "$LATEST", "F", "512", 36, True])


def test_an_exception_is_an_error_document_and_the_process_goes_on(host, function):
    code = "import os\nclass Transient(Exception): pass\n"
    code += "def handler(event, context):\n    if event: raise Transient('lost')\n    return os.getpid()"
    running = host(function(code))
    before, answer, after = running.invoke("F", 0), running.invoke("F", 1), running.invoke("F", 0)
    assert (answer.error_type, answer.error_message, before == after) == ("Transient", "lost", True)
    document = json.loads(answer.cause())
    assert sorted(document) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert len(document["stackTrace"]) == 1
    assert "raise Transient('lost')" in document["stackTrace"][0]


@pytest.mark.parametrize("value", ["float('nan')", "[float('inf')]", "{1, 2}", "object()"])
def test_an_answer_that_is_no_json_is_a_marshal_error(host, function, value):
    answer = host(function(f"def handler(event, context): return {value}")).invoke("F", None)
    assert (answer.error_type, answer.error_message[:28]) == ("Runtime.MarshalError", "Unable to marshal response: ")


def test_a_payload_that_is_no_json_is_refused(host, function):
    with pytest.raises(ValueError, match="not JSON compliant"):
        host(function(ECHO)).invoke("F", float("nan"))


@pytest.mark.parametrize(
    ("code", "error_type", "message"),
    [
        ("import no_such_module_at_all", "Runtime.ImportModuleError", "Unable to import module 'app': No module named"),
        ("def handler(:", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': "),
        ("x = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("1 / 0", "ZeroDivisionError", "division by zero"),
    ],
)
def test_a_function_that_cannot_be_loaded_says_why(host, function, code, error_type, message):
    running = host(function(code))
    for _ in range(2):
        answer = running.invoke("F", None)
        assert (answer.error_type, answer.error_message[: len(message)]) == (error_type, message)


ENDINGS = {
    "os._exit(7)": "exit status 7",
    "sys.exit(3)": "exit status 3",
    "os.kill(os.getpid(), signal.SIGKILL)": "signal: killed",
    "os.kill(os.getpid(), signal.SIGSEGV)": "signal: segmentation fault",
    "os.kill(os.getpid(), signal.SIGTERM)": "signal: terminated",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_process_that_ends_says_how_and_the_next_invocation_has_a_fresh_one(host, function, ending):
    code = f"import os, signal, sys\ndef handler(event, context):\n    if event: {ending}\n    return os.getpid()"
    running = host(function(code))
    before, answer, after = running.invoke("F", 0), running.invoke("F", 1), running.invoke("F", 0)
    assert answer.error_type == "Runtime.ExitError"
    assert answer.error_message.startswith("RequestId: ")
    assert answer.error_message.endswith(f" Error: Runtime exited with error: {ENDINGS[ending]}")
    assert isinstance(after, Succeeded)
    assert before != after


def test_a_process_that_is_killed_puts_nothing_on_standard_error(host, function, capfd):
    running = host(function("import os\ndef handler(event, context): os.kill(os.getpid(), 9)"))
    for _ in range(3):
        assert running.invoke("F", None).error_type == "Runtime.ExitError"
    running.close()
    assert capfd.readouterr().err == ""


def test_a_process_that_ends_without_an_error_gave_no_reason(host, function):
    answer = host(function("import os\ndef handler(event, context): os._exit(0)")).invoke("F", None)
    assert answer.error_message.endswith(" Error: Runtime exited without providing a reason")


def test_a_process_that_ends_between_two_invocations_is_replaced_unseen(host, function):
    running = host(function(PID))
    first = running.invoke("F", None).payload
    os.kill(first, signal.SIGKILL)
    until(lambda: gone(first))
    time.sleep(0.1)
    assert isinstance(running.invoke("F", None), Succeeded)


SLEEPER = """
import os, pathlib, subprocess, sys, time
def handler(event, context):
    if event is None:
        return os.getpid()
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pathlib.Path(event).write_text(f"{os.getpid()} {child.pid}")
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass
"""


def test_a_handler_past_its_timeout_is_killed_with_all_it_started_and_the_next_has_a_fresh_process(host, function, tmp_path):
    running = host(function(SLEEPER, timeout=2))
    before = running.invoke("F", None)
    answer = running.invoke("F", str(tmp_path / "pids"))
    assert answer.error_type == "Sandbox.Timedout"
    assert answer.error_message.startswith("RequestId: ")
    assert answer.error_message.endswith(" Error: Task timed out after 2.00 seconds")
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    until(lambda: all(gone(pid) for pid in pids))
    after = running.invoke("F", None)
    assert (pids[0] == before.payload, after.payload == before.payload) == (True, False)


@pytest.mark.parametrize(
    ("size", "wanted"), [(6 * 1024 * 1024, None), (6 * 1024 * 1024 + 1, "Lambda.RequestEntityTooLargeException")]
)
def test_a_request_has_at_most_6_mb(host, function, size, wanted):
    answer = host(function("def handler(event, context): return len(event)")).invoke("F", "x" * (size - 2))
    assert answer == Succeeded(size - 2) if wanted is None else answer.error_type == wanted


@pytest.mark.parametrize(("size", "wanted"), [(6_291_556, None), (6_291_557, "Function.ResponseSizeTooLarge")])
def test_a_response_has_at_most_6_mb_and_100_bytes(host, function, size, wanted):
    running = host(function("def handler(event, context): return 'é' * (event // 2) + 'x' * (event % 2)"))
    answer = running.invoke("F", size - 2)
    assert len(answer.payload.encode()) == size - 2 if wanted is None else answer.error_type == wanted
    assert running.invoke("F", 1) == Succeeded("x")


def test_limits_can_be_off(host, function):
    wide = Limits(request=float("inf"), response=float("inf"))
    assert host(function(ECHO), limits=wide).invoke("F", "x" * 7_000_000) == Succeeded("x" * 7_000_000)


def test_each_function_has_its_own_variables_and_those_of_the_run_come_first(host, function, monkeypatch):
    monkeypatch.setenv("ENGINE_TEST_SET", "by the run")
    code = "import os\ndef handler(event, context): return [os.environ['ENGINE_TEST_SET'], os.environ['ENGINE_TEST_NEW']]"
    functions = [
        function(code, name, environment={"ENGINE_TEST_SET": "template", "ENGINE_TEST_NEW": name}) for name in ("F", "G")
    ]
    running = host(*functions)
    assert [running.invoke(name, None).payload for name in ("F", "G")] == [["by the run", "F"], ["by the run", "G"]]


def test_variables_that_are_set_after_the_host_started_reach_its_functions(host, function, monkeypatch):
    running = host(function("import os\ndef handler(event, context): return os.environ['ENGINE_TEST_LATE']"))
    monkeypatch.setenv("ENGINE_TEST_LATE", "yes")
    assert running.invoke("F", None) == Succeeded("yes")


def test_a_function_works_in_the_folder_of_the_run(host, function, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    running = host(function("import os\ndef handler(event, context): return os.getcwd()"))
    assert Path(running.invoke("F", None).payload).samefile(tmp_path)


def test_a_layer_is_on_the_path_of_its_functions_only(host, function, tmp_path):
    layer = tmp_path / "layer" / "python"
    layer.mkdir(parents=True)
    (layer / "engine_test_layer.py").write_text("NAME = 'layer'")
    code = "import engine_test_layer\ndef handler(event, context): return engine_test_layer.NAME"
    running = host(function(code, layers=(layer.parent,)), function(code, "G"))
    assert running.invoke("F", None) == Succeeded("layer")
    assert running.invoke("G", None).error_type == "Runtime.ImportModuleError"


def test_what_functions_print_reaches_the_host_line_by_line_and_never_standard_output(host, function, capfd):
    code = 'import os, sys\ndef handler(event, context):\n    print("told")\n    print("warned", file=sys.stderr)\n'
    code += '    os.write(1, b\'{"op": "answer"}\\n\')\n    return 1'
    running = host(function(code))
    assert running.invoke("F", None) == Succeeded(1)
    running.close()
    assert {"told", "warned", '{"op": "answer"}'} <= set(running.printed)
    assert capfd.readouterr().out == ""


def test_an_unknown_function_is_not_found(host):
    assert host().invoke("nobody", None) == Failed("Lambda.ResourceNotFoundException", "Function not found: nobody")


HOOK = Hook("engine.hooks:install", {"n": 1})
CALLER = """
from concurrent.futures import ThreadPoolExecutor
from engine import hooks
def handler(event, context):
    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(lambda one: hooks.LINK.invoke("G", one), event)]
    return [getattr(one, "payload", None) or one.error_type for one in answers]
"""


def test_a_hook_and_a_handler_send_messages_to_the_host(host, function):
    code = "from engine import hooks\ndef handler(event, context):\n    hooks.LINK.send({'at': event})\n    return 1"
    told = []
    running = host(function(code), hooks=[HOOK], on_message=told.append)
    assert [running.invoke("F", at) for at in (1, 2)] == [Succeeded(1)] * 2
    assert told == [{"installed": {"n": 1}}, {"at": 1}, {"at": 2}]


def test_no_message_that_was_sent_before_the_answer_is_lost(host, function):
    code = "from engine import hooks\ndef handler(event, context):\n    for at in range(300): hooks.LINK.send({'at': at})\n"
    told = []
    running = host(function(code), hooks=[Hook("engine.hooks:install")], on_message=told.append)
    assert running.invoke("F", None) == Succeeded(None)
    assert told == [{"at": at} for at in range(300)]


def test_messages_are_the_same_with_the_inline_host(function):
    code = "from engine import hooks\ndef handler(event, context):\n    hooks.LINK.send({'at': event})\n    return 1"
    told = []
    running = InlineHost({"F": function(code)}, hooks=[HOOK], on_message=told.append)
    assert [running.invoke("F", at) for at in (1, 2)] == [Succeeded(1)] * 2
    assert told == [{"installed": {"n": 1}}, {"at": 1}, {"at": 2}]


def test_a_function_calls_others_several_at_once(host, function, tmp_path):
    meeting = """
import os, pathlib, time
def handler(event, context):
    folder = pathlib.Path(event)
    (folder / str(os.getpid())).touch()
    while len([*folder.iterdir()]) < 3:
        time.sleep(0.01)
    return os.getpid()
"""
    (tmp_path / "met").mkdir()
    running = host(function(CALLER), function(meeting, "G"), hooks=[HOOK], slots=1)
    answer = running.invoke("F", [str(tmp_path / "met")] * 3)
    assert len(set(answer.payload)) == 3


def test_a_called_function_has_its_own_timeout_and_its_caller_goes_on(host, function, tmp_path):
    running = host(function(CALLER), function(SLEEPER, "G", timeout=2), hooks=[HOOK])
    assert running.invoke("F", [str(tmp_path / "pids")]).payload == ["Sandbox.Timedout"]


def test_many_calls_share_a_bounded_number_of_processes(host, function):
    running = host(function(CALLER), function(PID, "G"), hooks=[HOOK])
    answer = running.invoke("F", [None] * 60)
    assert len(answer.payload) == 60
    assert len(set(answer.payload)) <= 8


def test_stop_ends_what_is_under_way_after_its_handler_has_cleaned_up(host, function, tmp_path):
    code = """
import pathlib, time
def handler(event, context):
    try:
        pathlib.Path(event, "began").touch()
        time.sleep(600)
    finally:
        pathlib.Path(event, "cleaned").touch()
"""
    running = host(function(code, timeout=600))
    answers = []
    other = threading.Thread(target=lambda: answers.append(running.invoke("F", str(tmp_path))))
    other.start()
    until((tmp_path / "began").exists)
    running.stop()
    other.join(WAIT_S)
    running.close()
    assert (answers[0].error_type, (tmp_path / "cleaned").exists()) == ("Lambda.ServiceException", True)
    assert running.invoke("F", None).error_type == "Lambda.ServiceException"


def test_a_handler_that_does_not_heed_the_end_of_its_host_is_killed(host, function, tmp_path):
    running = host(function(SLEEPER, timeout=600))
    other = threading.Thread(target=lambda: running.invoke("F", str(tmp_path / "pids")))
    other.start()
    until(lambda: (tmp_path / "pids").exists() and " " in (tmp_path / "pids").read_text())
    running.close()
    other.join(WAIT_S)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    until(lambda: all(gone(pid) for pid in pids))


SCRIPT = """
import signal, sys
from pathlib import Path
from portl_cli.engine import Function, {name}
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a test's parent may ignore it, a shell's children do not
    function = Function("F", Path(sys.argv[1]), "app.handler", timeout=600)
    with {name}({{"F": function}}) as host:
        host.invoke("F", sys.argv[2])
"""


NAMES = pytest.mark.parametrize("name", ["WorkerHost", pytest.param("IsolateHost", marks=linux)])
CLEANS_UP = """
import os, pathlib, time
def handler(event, context):
    try:
        pathlib.Path(event).write_text(f"{os.getpid()} ")
        time.sleep(600)
    finally:
        time.sleep(0.2)
        pathlib.Path(event + ".cleaned").touch()
"""


@NAMES
def test_a_function_cleans_up_when_its_host_is_interrupted_while_it_waits_for_it(function, tmp_path, name):
    pids = tmp_path / "pids"
    arguments = [sys.executable, "-c", SCRIPT.format(name=name), str(function(CLEANS_UP).code_dir), str(pids)]
    parent = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
    until(lambda: pids.exists() and " " in pids.read_text())
    parent.send_signal(signal.SIGINT)
    parent.wait(WAIT_S)
    until(lambda: gone(int(pids.read_text())))
    assert Path(f"{pids}.cleaned").exists()


PARENT = """
import os, pathlib, subprocess, sys, time
def handler(event, context):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pathlib.Path(event).write_text(f"{{os.getpid()}} {{child.pid}}")
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        {reaction}
"""
REACTIONS = {"lets_it_through": "raise", "comes_back": "return None", "ends_its_process": "os._exit(0)"}


@NAMES
@pytest.mark.parametrize(
    "code", [SLEEPER, *(PARENT.format(reaction=reaction) for reaction in REACTIONS.values())], ids=["ignores_it", *REACTIONS]
)
def test_no_process_is_left_when_the_host_itself_is_killed_whatever_the_handler_does_about_it(function, tmp_path, name, code):
    pids = tmp_path / "pids"
    arguments = [sys.executable, "-c", SCRIPT.format(name=name), str(function(code).code_dir), str(pids)]
    parent = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
    until(lambda: pids.exists() and " " in pids.read_text())
    parent.kill()
    parent.wait()
    until(lambda: all(gone(int(pid)) for pid in pids.read_text().split()))


INHERITING = """
import os, signal, sys, threading
from pathlib import Path
from portl_cli.engine import Function, {name}
if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: None)
    kept = open(sys.argv[2])
    sys.stdout.write("not printed yet ")
    if sys.argv[3] == "threads":
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    with {name}({{"F": Function("F", Path(sys.argv[1]), "app.handler", timeout=20)}}, on_output=lambda line: None) as host:
        print(host.invoke("F", None).payload)
"""
LOOKS = """
import os, signal, sys
def handler(event, context):
    paths = [f"/proc/self/fd/{file}" for file in os.listdir("/proc/self/fd")]
    files = [os.readlink(path) for path in paths if os.path.lexists(path)]
    return [sorted(name for name in files if "kept" in name), os.readlink("/proc/self/fd/0"),
            signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, os.getsid(0) == os.getpid()]
"""


@linux
@NAMES
@pytest.mark.parametrize("threads", ["threads", "none"])
def test_a_function_has_nothing_of_its_hosts_process_but_what_it_is_given(function, tmp_path, name, threads):
    """However its process was made: of a host with one thread it is forked, of one with several it is not."""
    (tmp_path / "kept").touch()
    arguments = [INHERITING.format(name=name), str(function(LOOKS).code_dir), str(tmp_path / "kept"), threads]
    ended = subprocess.run([sys.executable, "-c", *arguments], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "not printed yet [[], '/dev/null', True, True]\n"


def test_a_machine_runs_its_map_on_several_processes(host, function):
    running = host(function("import os\ndef handler(event, context): return [event['n'] * 2, os.getpid()]"), slots=2)
    states = {"t": task("F", {"n": "{% $states.input %}"}, Output="{% $states.result.Payload %}")}
    mapping = {"Type": "Map", "Items": "{% $states.input %}", "ItemProcessor": processor(states, "DISTRIBUTED"), "End": True}
    output = run(machine({"m": mapping}), [*range(40)], host=running).output
    assert [doubled for doubled, _ in output] == [*range(0, 80, 2)]
    assert len({pid for _, pid in output}) <= 2


@linux
def test_a_host_with_an_interpreter_of_its_own_gives_functions_no_variable_of_this_process(function, monkeypatch):
    monkeypatch.setenv("ENGINE_TEST_LEAK", "here")
    code = "import os\ndef handler(event, context): return [os.environ.get(name) for name in event], os.getcwd()"
    one = function(code, environment={"ENGINE_TEST_OWN": "template"})
    with IsolateHost({"F": one}, python=sys.executable, on_output=lambda _: None) as running:
        answer = running.invoke("F", ["ENGINE_TEST_LEAK", "ENGINE_TEST_OWN", "AWS_LAMBDA_FUNCTION_NAME"])
    assert answer == Succeeded([[None, "template", "F"], str(one.code_dir)])


def test_workers_whose_libraries_cannot_be_loaded_are_the_environments_fault(function):
    with WorkerHost({"F": function(ECHO)}, modules=["no_such_module_at_all"], on_output=lambda _: None) as running:
        with pytest.raises(SetupError) as raised:
            running.invoke("F", None)
        assert raised.value.code == "V206"


def test_isolation_is_refused_where_it_cannot_be_had():
    with pytest.raises(SetupError) as raised:
        demand_client("darwin")
    assert (raised.value.code, "Linux" in raised.value.message, "--isolate" in raised.value.hint) == ("V207", True, True)


def test_a_host_that_cools_a_function_down_gives_it_a_fresh_process_and_leaves_the_others_warm(host, function):
    code = "import os\ndef handler(event, context): return os.getpid()"
    running = host(function(code, "F"), function(code, "G"))
    before = [running.invoke(name, None).payload for name in ("F", "G")]
    running.cool_down(["F", "H"])
    after = [running.invoke(name, None).payload for name in ("F", "G")]
    assert (before[0] == after[0], before[1] == after[1]) == (False, True)
