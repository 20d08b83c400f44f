"""Items of a Map and branches of a Parallel at once. A barrier is passed only by as many as it counts."""

from __future__ import annotations

import queue
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from engine.support import ends, kinds, machine, processor, raises, run, task
from portl.errors import SetupError
from portl_cli.engine import FakeHost, SystemClock
from portl_cli.engine._jsonata import Bindings, Expression

N = "{% $states.input %}"
MODES = pytest.mark.parametrize("mode", ["INLINE", "DISTRIBUTED"])
WAIT_S = 30


def mapping(states, mode="INLINE", **fields):
    return {"Type": "Map", "Items": N, "ItemProcessor": processor(states, mode), "End": True, **fields}


def work(**fields):
    return {"t": task(payload={"n": N}, Output="{% $states.result.Payload %}", **fields)}


class Together:
    """A function that lets nobody go before so many are in it, and remembers how many there ever were."""

    def __init__(self, many: int) -> None:
        self.barrier = threading.Barrier(many)
        self.lock = threading.Lock()
        self.now = self.most = 0

    def __call__(self, event):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.barrier.wait(WAIT_S)
        with self.lock:
            self.now -= 1
        return event["n"]


@MODES
def test_as_many_items_are_under_way_as_max_concurrency_says_and_results_keep_the_items_order(mode):
    together = Together(3)
    execution = run(
        machine({"m": mapping(work(), mode, MaxConcurrency=3)}), [*range(9)], host=FakeHost({"f": together}, slots=8)
    )
    assert (execution.output, together.most) == ([*range(9)], 3)


def test_a_distributed_map_has_at_most_as_many_children_under_way_as_the_host_has_slots():
    together = Together(2)
    execution = run(machine({"m": mapping(work(), "DISTRIBUTED")}), [*range(6)], host=FakeHost({"f": together}, slots=2))
    assert (execution.status, together.most) == ("SUCCEEDED", 2)


@pytest.mark.parametrize("fields", [{}, {"MaxConcurrency": 0}, {"MaxConcurrency": 100}])
def test_an_inline_map_has_at_most_40_items_under_way(fields):
    together = Together(40)
    execution = run(machine({"m": mapping(work(), **fields)}), [*range(80)], host=FakeHost({"f": together}, slots=64))
    assert (execution.status, together.most) == ("SUCCEEDED", 40)


def test_an_inline_map_waits_for_more_at_once_than_the_host_has_slots():
    """The pauses of the items overlap; only their functions take turns."""
    barrier = threading.Barrier(5)

    class Clock(SystemClock):
        def sleep(self, seconds, pause=None):
            barrier.wait(WAIT_S)

    states = {"w": {"Type": "Wait", "Seconds": 60, "Next": "t"}, **work()}
    host = FakeHost({"f": lambda event: event["n"]}, slots=2)
    assert run(machine({"m": mapping(states)}), [*range(5)], host=host, clock=Clock()).output == [*range(5)]


@MODES
def test_max_concurrency_1_goes_item_by_item_in_order(mode):
    host = FakeHost({"f": lambda event: event["n"]}, slots=8)
    run(machine({"m": mapping(work(), mode, MaxConcurrency=1)}), [*range(50)], host=host)
    assert host.calls == [("f", {"n": at}) for at in range(50)]


@MODES
def test_a_host_of_one_slot_makes_everything_go_in_order(mode):
    host = FakeHost({"f": lambda event: event["n"]})
    run(machine({"m": mapping(work(), mode)}), [*range(50)], host=host)
    assert host.calls == [("f", {"n": at}) for at in range(50)]


def branches(*all_states, **fields):
    return {
        "Type": "Parallel",
        "Branches": [{"StartAt": next(iter(states)), "States": states} for states in all_states],
        "End": True,
        **fields,
    }


def named(name, **fields):
    return {name: task(payload={"n": name}, Output="{% $states.result.Payload %}", **fields)}


def test_the_branches_of_a_parallel_run_at_once_and_their_results_keep_the_order():
    parallel = branches(named("a"), named("b"), named("c"))
    execution = run(machine({"p": parallel}), host=FakeHost({"f": Together(3)}, slots=3))
    assert execution.output == ["a", "b", "c"]


@MODES
def test_the_first_failure_by_time_stops_the_intake_and_is_told(mode):
    second, seen = queue.SimpleQueue(), []

    def function(event):
        seen.append(event["n"])
        if event["n"] == 1:
            second.put(threading.current_thread())
            raises("Second", "the first by time")(event)
        second.get().join(WAIT_S)
        return raises("First", "the first by index")(event)

    execution = run(
        machine({"m": mapping(work(), mode, MaxConcurrency=2)}), [*range(50)], host=FakeHost({"f": function}, slots=2)
    )
    wanted = "Second" if mode == "INLINE" else "States.ExceedToleratedFailureThreshold"
    assert (execution.error, sorted(seen)) == (wanted, [0, 1])


def test_what_is_under_way_when_an_item_fails_is_aborted_and_the_history_says_so():
    started = threading.Event()

    def function(event):
        started.wait(WAIT_S)
        return raises("Mine")(event)

    states = {
        "c": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input = 0 %}", "Next": "w"}], "Default": "t"},
        "w": {"Type": "Wait", "Seconds": 3600, "End": True},
        **work(),
    }

    def listen(event):
        if event["type"] == "WaitStateEntered":
            started.set()

    options = {"host": FakeHost({"f": function}, slots=2), "clock": SystemClock(), "on_event": listen}
    execution = run(machine({"m": mapping(states)}), [0, 1], **options)
    assert execution.error == "Mine"
    endings = [event["type"] for event in execution.history if event["type"].endswith(("Aborted", "Failed"))]
    assert sorted(endings[:-2]) == ["MapIterationAborted", "MapIterationFailed", "TaskFailed", "WaitStateAborted"]
    assert endings[-2:] == ["MapStateFailed", "ExecutionFailed"]


def test_a_function_under_way_when_a_branch_fails_is_waited_for_and_its_answer_not_used():
    failed, came_back = threading.Event(), []

    def slow(event):
        failed.wait(WAIT_S)
        came_back.append(event["n"])

    def listen(event):
        if event["type"] == "TaskFailed":
            failed.set()

    def function(event):
        return slow(event) if event["n"] == "slow" else raises("Mine")(event)

    parallel = branches({**named("slow"), "slow": {**named("slow")["slow"], "Next": "z"}, "z": ends()}, named("quick"))
    del parallel["Branches"][0]["States"]["slow"]["End"]
    execution = run(machine({"p": parallel}), host=FakeHost({"f": function}, slots=2), on_event=listen)
    assert (execution.error, came_back) == ("Mine", ["slow"])
    assert "TaskStateAborted" in kinds(execution.history)
    assert "TaskSucceeded" not in kinds(execution.history)


def test_a_child_that_is_aborted_ends_its_history_so():
    told = []
    first = threading.Event()

    def function(event):
        first.wait(WAIT_S) if event["n"] else first.set()
        return raises("Mine")(event) if event["n"] else None

    states = {**work(), "w": {"Type": "Wait", "Seconds": 3600, "End": True}}
    states["t"]["Next"] = states["t"].pop("End") and "w"
    options = {"host": FakeHost({"f": function}, slots=2), "clock": SystemClock(), "on_event": told.append}
    execution = run(machine({"m": mapping(states, "DISTRIBUTED")}), [0, 1], **options)
    last = {event["execution"]: event["type"] for event in told}
    assert execution.error == "States.ExceedToleratedFailureThreshold"
    assert last == {"run/m:0": "ExecutionAborted", "run/m:1": "ExecutionFailed", "": "ExecutionFailed"}


def test_the_machines_time_ends_all_paths():
    states = {"w": {"Type": "Wait", "Seconds": 3600, "End": True}}
    options = {"host": FakeHost({}, slots=4), "clock": SystemClock(0.01)}
    assert run(machine({"m": mapping(states)}, TimeoutSeconds=1), [1, 2, 3], **options).status == "TIMED_OUT"


FAULTS = pytest.mark.parametrize("fault", [KeyboardInterrupt(), SetupError("no", code="V205", hint="x"), OSError("lost")])


@FAULTS
@MODES
def test_ctrl_c_and_faults_of_the_host_go_through_and_leave_no_thread(mode, fault):
    before, told = set(threading.enumerate()), []

    class Host(FakeHost):
        def invoke(self, function, payload):
            if payload["n"] == 3:
                raise fault
            return super().invoke(function, payload)

    host = Host({"f": lambda event: event["n"]}, slots=4)
    with pytest.raises(type(fault)):
        run(machine({"m": mapping(work(), mode)}), [*range(20)], host=host, on_event=told.append)
    assert (host.stopped, told[-1]["type"], told[-1]["execution"]) == (True, "ExecutionAborted", "")
    assert set(threading.enumerate()) <= before


def test_what_the_listener_raises_goes_through():
    def listen(event):
        if event["type"] == "TaskSucceeded":
            raise LookupError("full")

    with pytest.raises(LookupError):
        run(machine({"m": mapping(work())}), [1, 2], host=FakeHost({"f": lambda _: 1}, slots=2), on_event=listen)


@MODES
def test_events_are_told_one_at_a_time_numbered_without_gaps_and_states_are_counted(mode):
    busy, told = threading.Lock(), []

    def listen(event):
        assert busy.acquire(blocking=False)
        told.append(event)
        busy.release()

    host = FakeHost({"f": lambda event: event["n"]}, slots=8)
    execution = run(machine({"m": mapping(work(), mode)}), [*range(300)], host=host, on_event=listen)
    assert execution.transitions == 301
    assert [event["id"] for event in execution.history] == [*range(1, len(execution.history) + 1)]
    assert execution.history == [event for event in told if not event["execution"]]


def test_each_event_of_interleaved_items_names_the_one_before_it_on_its_own_path():
    host = FakeHost({"f": Together(4)}, slots=4)
    history = run(machine({"m": mapping(work(), MaxConcurrency=4)}), [*range(4)], host=host).history
    by_id = {event["id"]: event for event in history}
    for done in (event for event in history if event["type"] == "TaskStateExited"):
        path = [done]
        while path[-1]["type"] != "MapIterationStarted":
            path.append(by_id[path[-1]["previousEventId"]])
        index = path[-1]["mapIterationStartedEventDetails"]["index"]
        assert done["stateExitedEventDetails"]["output"] == str(index)
        assert [event["type"] for event in reversed(path)] == [
            *("MapIterationStarted", "TaskStateEntered", "TaskScheduled"),
            *("TaskStarted", "TaskSucceeded", "TaskStateExited"),
        ]
        assert by_id[path[-1]["previousEventId"]]["type"] == "MapStateStarted"


def test_previous_events_of_a_map_are_those_that_aws_gives():
    """As in a recorded history of Step Functions: what closes an item or the Map is not the previous event of what follows."""
    execution = run(machine({"m": mapping({"p": ends()}, MaxConcurrency=1)}), [1, 2])
    assert [(event["type"], event["id"], event["previousEventId"]) for event in execution.history[2:]] == [
        ("MapStateStarted", 3, 2),
        ("MapIterationStarted", 4, 3),
        ("PassStateEntered", 5, 4),
        ("PassStateExited", 6, 5),
        ("MapIterationSucceeded", 7, 6),
        ("MapIterationStarted", 8, 6),
        ("PassStateEntered", 9, 8),
        ("PassStateExited", 10, 9),
        ("MapIterationSucceeded", 11, 10),
        ("MapStateSucceeded", 12, 11),
        ("MapStateExited", 13, 11),
        ("ExecutionSucceeded", 14, 13),
    ]


def test_branches_begin_after_the_parallel_and_it_ends_after_the_last_of_them():
    execution = run(machine({"p": branches({"a": ends()}, {"b": ends()})}))
    assert [(event["type"], event["id"], event["previousEventId"]) for event in execution.history[2:]] == [
        ("ParallelStateStarted", 3, 2),
        ("PassStateEntered", 4, 3),
        ("PassStateExited", 5, 4),
        ("PassStateEntered", 6, 3),
        ("PassStateExited", 7, 6),
        ("ParallelStateSucceeded", 8, 7),
        ("ParallelStateExited", 9, 7),
        ("ExecutionSucceeded", 10, 9),
    ]


def test_maps_inside_maps_run_at_once_too():
    inner = {"n": {**mapping(work()), "Items": "{% [1..2] %}"}}
    host = FakeHost({"f": Together(4)}, slots=4)
    assert run(machine({"m": mapping(inner)}), [1, 2], host=host).output == [[1, 2], [1, 2]]


def test_the_time_of_a_task_does_not_run_while_it_waits_for_a_slot():
    """A Task is scheduled only when one of the two slots is free for it."""
    counted, under_way = threading.Lock(), []
    scheduled = finished = 0

    def listen(event):
        nonlocal scheduled
        if event["type"] == "TaskScheduled":
            with counted:
                scheduled += 1
                under_way.append(scheduled - finished)

    def function(event):
        nonlocal finished
        with counted:
            finished += 1

    host = FakeHost({"f": function}, slots=2)
    run(machine({"m": mapping({"t": task(TimeoutSeconds=10)})}), [*range(60)], host=host, on_event=listen)
    assert (len(under_way), max(under_way) <= 2) == (60, True)


@pytest.mark.parametrize("source", ["$exists($mine)", "$count($all[$ > $least])", "$map($all, function($v) { $v * $factor })"])
def test_expressions_are_evaluated_by_many_threads_each_with_its_own_variables(source):
    """One thread's variables must not be seen by another's evaluation, not even where an expression has none of that name."""
    shared = Expression(source)
    others = [Expression(f"$sum($mine) + $sum($all) + {at}") for at in range(4)]
    now = lambda: datetime(2025, 1, 1, tzinfo=UTC)  # noqa: E731

    def evaluate(at):
        numbers = [*range(at % 5 + 1)]
        variables = {"all": numbers, "least": 0, "factor": at}
        other = others[at % 4].evaluate(Bindings({}, {"mine": [at], "all": numbers}, now))
        return shared.evaluate(Bindings({}, variables, now)), other

    def wanted(at):
        numbers = [*range(at % 5 + 1)]
        mapped = [number * at for number in numbers]
        by_source = {"$exists($mine)": False, "$count($all[$ > $least])": len(numbers) - 1}
        return by_source.get(source, mapped[0] if len(mapped) == 1 else mapped), at + sum(numbers) + at % 4

    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(evaluate, range(400))] == [wanted(at) for at in range(400)]


def test_an_expression_sees_no_variable_of_an_evaluation_that_another_thread_is_in_the_middle_of():
    """The library keeps its place in the engine that was made last: that one must never be one of ours."""
    inside, leave = threading.Event(), threading.Event()

    class Slow(list):
        """Holds up whoever looks into it from the library, and nobody else."""

        def _hold_up(self):
            if any("jsonata/" in frame.filename for frame in traceback.extract_stack()):
                inside.set()
                leave.wait(WAIT_S)

        def __iter__(self):
            self._hold_up()
            return super().__iter__()

        def __len__(self):
            self._hold_up()
            return super().__len__()

        def __getitem__(self, at):
            self._hold_up()
            return super().__getitem__(at)

    holder = Expression("$count($hidden[$ > 0]) + $count($secret)")
    victims = []

    def hold():
        victims.append(Expression("$exists($secret) or $exists($hidden)"))
        return holder.evaluate(Bindings({}, {"hidden": Slow([1, 2]), "secret": [1]}, now))

    now = lambda: datetime(2025, 1, 1, tzinfo=UTC)  # noqa: E731
    with ThreadPoolExecutor(2) as pool:
        evaluation = pool.submit(hold)
        inside.wait(WAIT_S)
        seen = pool.submit(victims[0].evaluate, Bindings({}, {}, now)).result(WAIT_S)
        leave.set()
        assert (seen, evaluation.result(WAIT_S)) == (False, 3)
